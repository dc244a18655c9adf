//! `AssumeRoleWithWebIdentity`: a token of an identity provider in place of a signature. Pure.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use jiff::Timestamp;

use super::{
    Identities, NewSession, answer,
    assume::{assumed_role_user, check_policy, duration, shown},
    token::Claims,
};
use crate::{
    error::ServiceError,
    ids::Ids,
    role::WebIdentityTrust,
    state::{Answer, Input},
    xml::Element,
};

impl Identities {
    pub(in crate::state) fn assume_role_with_web_identity(
        &mut self,
        input: &Input,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        check_policy(input)?;
        let claims = Claims::of(input.required("WebIdentityToken"), now)?;
        let role = self
            .role(input.required("RoleArn"))
            .filter(|role| role.web_identity().is_some_and(|trust| fulfils(&claims, trust)))
            .ok_or_else(|| ServiceError::AccessDenied {
                message: "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(),
            })?;
        let seconds = duration(input, role, false)?;
        let new = NewSession::plain(role, input.required("RoleSessionName"));
        let assumed = assumed_role_user(&new);
        let credentials = self.issue(new, seconds, ids, now);
        let mut members =
            vec![Element::text("SubjectFromWebIdentityToken", claims.subject.as_str()), assumed, shown(&credentials)];
        members.extend(claims.issuer.as_deref().map(|issuer| Element::text("Provider", issuer)));
        members.extend(claims.audiences().first().map(|audience| Element::text("Audience", audience.as_str())));
        let result = Element::of("AssumeRoleWithWebIdentityResult", members);
        Ok(answer("AssumeRoleWithWebIdentityResponse", result))
    }
}

fn fulfils(claims: &Claims, trust: &WebIdentityTrust) -> bool {
    let WebIdentityTrust { issuer, audience, subject } = trust;
    (issuer.is_none() || *issuer == claims.issuer)
        && subject.as_ref().is_none_or(|subject| *subject == claims.subject)
        && audience.as_ref().is_none_or(|audience| claims.audiences().contains(audience))
}
