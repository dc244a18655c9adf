//! The command lines of the servers (pure).
//!
//! As near to a production cluster as one machine allows: the `ServiceAccount` admission plugin is on, which needs the
//! controller manager, nodes are authorised apart, and every request lands in an audit log.

use std::path::{Path, PathBuf};

/// What goes into the API server's audit log: who did what to which object, without bodies. The event at the receipt
/// of a request would only say the same a moment earlier.
pub(crate) const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

/// The ports of one cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api_server: u16,
}

pub(crate) fn etcd(folder: &Path, ports: Ports, fsync: bool) -> Vec<String> {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut arguments = vec![
        "--name=e0".to_owned(),
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=e0={peer}"),
        "--auto-compaction-mode=revision".to_owned(),
        "--auto-compaction-retention=10000".to_owned(),
        "--quota-backend-bytes=8589934592".to_owned(),
    ];
    if !fsync {
        arguments.push("--unsafe-no-fsync".to_owned());
    }
    arguments
}

pub(crate) fn api_server(folder: &Path, ports: Ports, audit_log: &Path) -> Vec<String> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.api_server),
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        file("tls-cert-file", "api-server.crt"),
        file("tls-private-key-file", "api-server.key"),
        file("client-ca-file", "ca.crt"),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        file("service-account-key-file", "token.pub"),
        file("service-account-signing-key-file", "token.key"),
        file("requestheader-client-ca-file", "ca.crt"),
        "--requestheader-allowed-names=front-proxy".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        file("proxy-client-cert-file", "front-proxy.crt"),
        file("proxy-client-key-file", "front-proxy.key"),
        file("audit-policy-file", "audit-policy.yaml"),
        format!("--audit-log-path={}", audit_log.display()),
        // Rotated, the log of a cluster that runs for days would lose its beginning silently.
        "--audit-log-maxsize=1000000".to_owned(),
    ]
}

pub(crate) fn controller_manager(folder: &Path) -> Vec<String> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    vec![
        file("kubeconfig", "controller-manager.kubeconfig"),
        file("authentication-kubeconfig", "controller-manager.kubeconfig"),
        file("authorization-kubeconfig", "controller-manager.kubeconfig"),
        // Nobody asks it anything, so it needs no port and no certificate.
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        file("root-ca-file", "ca.crt"),
        file("service-account-private-key-file", "token.key"),
        "--controllers=*".to_owned(),
        // At the usual 20 requests a second it spends five seconds on the accounts of its controllers alone.
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ]
}

pub(crate) fn scheduler(folder: &Path) -> Vec<String> {
    let file = |flag: &str| format!("--{flag}={}", folder.join("scheduler.kubeconfig").display());
    vec![
        file("kubeconfig"),
        file("authentication-kubeconfig"),
        file("authorization-kubeconfig"),
        // As for the controller manager.
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
    ]
}

/// kwok plays the kubelet of every node that there is: pods on it are ready at once, and gone when they are deleted.
pub(crate) fn kwok(folder: &Path, stages: &[PathBuf], port: u16) -> Vec<String> {
    let mut arguments = vec![
        format!("--kubeconfig={}", folder.join("kubeconfig").display()),
        "--manage-all-nodes=true".to_owned(),
        format!("--server-address=127.0.0.1:{port}"),
    ];
    arguments.extend(stages.iter().map(|stage| format!("--config={}", stage.display())));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { etcd: 1, etcd_peer: 2, api_server: 3 };

    #[test]
    fn only_a_cluster_that_asks_for_it_waits_for_the_disk() {
        let unsafe_flag = "--unsafe-no-fsync".to_owned();
        assert!(etcd(Path::new("/d"), PORTS, false).contains(&unsafe_flag));
        assert!(!etcd(Path::new("/d"), PORTS, true).contains(&unsafe_flag));
    }

    #[test]
    fn service_account_admission_is_never_switched_off() {
        assert!(
            api_server(Path::new("/d"), PORTS, Path::new("/a"))
                .iter()
                .all(|flag| !flag.contains("disable-admission-plugins"))
        );
    }
}
