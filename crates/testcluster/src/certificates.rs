//! The keys and certificates of one cluster (pure but for randomness).

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Everything that the servers and the administrator need to know each other by.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) ca: String,
    pub(crate) api_server: Identity,
    pub(crate) admin: Identity,
    pub(crate) controller_manager: Identity,
    pub(crate) scheduler: Identity,
    pub(crate) front_proxy: Identity,
    /// Signs the tokens of service accounts.
    pub(crate) token_key: String,
    /// Checks the tokens of service accounts.
    pub(crate) token_public_key: String,
}

/// The names and addresses under which clients reach the API server; 10.0.0.1 is the `kubernetes` Service.
const API_SERVER_NAMES: [&str; 6] =
    ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", "10.0.0.1"];

impl Certificates {
    /// New keys for a new cluster.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "testcluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let token = KeyPair::generate()?;
        let client =
            |user: &str, group: Option<&str>| issue(&ca, user, group, ExtendedKeyUsagePurpose::ClientAuth, &[]);
        Ok(Self {
            api_server: issue(&ca, "kube-apiserver", None, ExtendedKeyUsagePurpose::ServerAuth, &API_SERVER_NAMES)?,
            admin: client("testcluster-admin", Some("system:masters"))?,
            controller_manager: client("system:kube-controller-manager", None)?,
            scheduler: client("system:kube-scheduler", None)?,
            front_proxy: client("front-proxy", None)?,
            token_key: token.serialize_pem(),
            token_public_key: token.public_key_pem(),
            ca: ca.pem(),
        })
    }
}

fn issue(
    ca: &CertifiedIssuer<'_, KeyPair>,
    user: &str,
    group: Option<&str>,
    usage: ExtendedKeyUsagePurpose,
    names: &[&str],
) -> Result<Identity, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_is_a_pem_certificate_with_a_pem_key() {
        let made = Certificates::generate().unwrap();
        for identity in [&made.api_server, &made.admin, &made.controller_manager, &made.scheduler, &made.front_proxy] {
            assert!(identity.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
            assert!(identity.key.starts_with("-----BEGIN PRIVATE KEY-----"));
        }
        assert!(made.token_public_key.starts_with("-----BEGIN PUBLIC KEY-----"));
    }

    #[test]
    fn two_clusters_trust_nothing_of_each_other() {
        assert_ne!(Certificates::generate().unwrap().ca, Certificates::generate().unwrap().ca);
    }
}
