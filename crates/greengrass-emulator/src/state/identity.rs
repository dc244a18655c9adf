//! Who a caller is, as AWS STS tells it. Pure.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use super::{Answer, Body};
use crate::{query, scope::Scope, signature::Principal, xml::Element};

/// The user, or the role, whose access keys all are.
const NAME: &str = "emulator";

/// The session of temporary access keys.
const SESSION: &str = "session";

/// The answer to `GetCallerIdentity`.
pub(super) fn get_caller_identity(scope: &Scope, principal: Principal) -> Answer {
    let (arn, id) = match principal {
        Principal::User => (scope.user_arn(NAME), unique_id("AIDA", &scope.account)),
        Principal::Session => {
            (scope.session_arn(NAME, SESSION), format!("{}:{SESSION}", unique_id("AROA", &scope.account)))
        }
    };
    let members =
        [Element::text("Arn", arn), Element::text("UserId", id), Element::text("Account", scope.account.as_str())];
    let result = Element::of("GetCallerIdentityResult", members);
    Answer { status: 200, body: Body::Xml(query::response("GetCallerIdentityResponse", result)) }
}

/// Always the same for an account, and of the form of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
fn unique_id(prefix: &str, account: &str) -> String {
    let rest: String = BASE32_NOPAD.encode(&Sha256::digest(account)).chars().take(17).collect();
    format!("{prefix}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(region: &str, principal: Principal) -> String {
        match get_caller_identity(&Scope::new("123456789012", region), principal).body {
            Body::Xml(response) => query::answered(response, "id").to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_answer_looks_like_that_of_the_api_reference() {
        let id = unique_id("AIDA", "123456789012");
        assert_eq!(
            shown("eu-west-1", Principal::User),
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::123456789012:user/emulator</Arn><UserId>{id}</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>"
            )
        );
        assert_eq!(id.len(), 21);
        assert_ne!(id, unique_id("AIDA", "210987654321"));
    }

    #[test]
    fn a_temporary_key_is_of_the_session_of_a_role() {
        let shown = shown("cn-north-1", Principal::Session);
        assert!(shown.contains("<Arn>arn:aws-cn:sts::123456789012:assumed-role/emulator/session</Arn>"), "{shown}");
        assert!(shown.contains("<UserId>AROA") && shown.contains(":session</UserId>"), "{shown}");
    }
}
