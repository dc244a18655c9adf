//! Kubeconfig files as text (pure).

use data_encoding::BASE64;

use crate::certificates::Identity;

/// How the user of a kubeconfig proves who it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Login<'a> {
    Certificate(&'a Identity),
    Token(&'a str),
}

/// A kubeconfig with one context, everything embedded, so that the file works from anywhere.
pub(crate) fn render(server: &str, ca: &str, user: &str, namespace: &str, login: Login<'_>) -> String {
    let login = match login {
        Login::Certificate(identity) => format!(
            "client-certificate-data: {}\n    client-key-data: {}",
            BASE64.encode(identity.certificate.as_bytes()),
            BASE64.encode(identity.key.as_bytes())
        ),
        Login::Token(token) => format!("token: {token}"),
    };
    let ca = BASE64.encode(ca.as_bytes());
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: testcluster
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {user}
  user:
    {login}
contexts:
- name: testcluster
  context:
    cluster: testcluster
    user: {user}
    namespace: {namespace}
current-context: testcluster
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_a_certificate_never_stand_in_the_same_file() {
        let identity = Identity { certificate: "c".into(), key: "k".into() };
        let by_certificate = render("https://127.0.0.1:1", "ca", "admin", "default", Login::Certificate(&identity));
        let by_token = render("https://127.0.0.1:1", "ca", "operator", "team-a", Login::Token("t0ken"));
        assert!(by_certificate.contains("client-key-data: aw==") && !by_certificate.contains("token:"));
        assert!(by_token.contains("token: t0ken") && !by_token.contains("client-key-data"));
        assert!(by_token.contains("namespace: team-a"));
    }
}
