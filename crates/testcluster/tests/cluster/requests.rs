//! What the shared cluster answers and records (does I/O: asks a real cluster).

use testcluster::Cluster;

use crate::eventually;

const READS_CONFIG_MAPS: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
";

#[test]
fn a_service_account_does_what_rbac_grants_and_nothing_else_and_the_audit_log_knows() {
    let cluster = Cluster::shared().unwrap();
    let namespace = cluster.namespace("rbac").unwrap();
    let in_namespace = format!("--namespace={namespace}");
    let apply = ["apply", "--filename=-", in_namespace.as_str()];
    cluster.kubectl_with_input(&apply, READS_CONFIG_MAPS).unwrap().success().unwrap();
    let kubeconfig = cluster.service_account_kubeconfig(&namespace, "reader").unwrap();

    let list = cluster.kubectl_as(&kubeconfig, &["get", "configmaps"], None).unwrap();
    assert!(list.status.success(), "{list:?}");
    let create = cluster.kubectl_as(&kubeconfig, &["create", "configmap", "mine"], None).unwrap();
    let user = format!("system:serviceaccount:{namespace}:reader");
    assert!(create.stderr.contains(&format!("User \"{user}\" cannot create resource \"configmaps\"")), "{create:?}");

    eventually("the refusal is in the audit log", || {
        let events = cluster.audit_events().unwrap();
        events.iter().any(|event| {
            let object = event.object_ref.clone().unwrap_or_default();
            event.user.username == user
                && event.is_write()
                && event.user_agent.starts_with("kubectl/v1.37.")
                && (object.namespace.as_str(), object.resource.as_str()) == (namespace.as_str(), "configmaps")
                && event.response_status.as_ref().is_some_and(|status| status.code == 403)
        })
    });
}

#[test]
fn the_default_service_account_is_there_and_a_pod_is_admitted_for_it() {
    let cluster = Cluster::shared().unwrap();
    let run = ["run", "waits", "--image=example.invalid/nothing", "--output=jsonpath={.spec.serviceAccountName}"];
    let account = cluster.kubectl(&run).unwrap().success().unwrap();
    assert_eq!(account, "default");
    cluster.kubectl(&["delete", "pod", "waits", "--force", "--grace-period=0"]).unwrap().success().unwrap();
}

#[test]
fn a_namespace_with_content_is_really_deleted() {
    let cluster = Cluster::shared().unwrap();
    let namespace = cluster.namespace("deleted").unwrap();
    let in_namespace = format!("--namespace={namespace}");
    cluster.kubectl(&["create", "configmap", "content", &in_namespace]).unwrap().success().unwrap();
    cluster.kubectl(&["delete", "namespace", &namespace, "--timeout=60s"]).unwrap().success().unwrap();
    let after = cluster.kubectl(&["get", "namespace", &namespace]).unwrap();
    assert!(after.stderr.contains("NotFound"), "{after:?}");
}

#[test]
fn a_dependent_goes_with_its_owner() {
    let cluster = Cluster::shared().unwrap();
    let namespace = cluster.namespace("owned").unwrap();
    let in_namespace = format!("--namespace={namespace}");
    let create = ["create", "configmap", "owner", &in_namespace, "--output=jsonpath={.metadata.uid}"];
    let uid = cluster.kubectl(&create).unwrap().success().unwrap();
    let dependent = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: dependent, namespace: {namespace}, \
         ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]}}}}"
    );
    cluster.apply(&dependent).unwrap();
    cluster.kubectl(&["delete", "configmap", "owner", &in_namespace]).unwrap().success().unwrap();
    eventually("the dependent is collected", || {
        cluster.kubectl(&["get", "configmap", "dependent", &in_namespace]).unwrap().stderr.contains("NotFound")
    });
}

#[test]
fn both_ends_say_the_version_that_was_built() {
    let cluster = Cluster::shared().unwrap();
    let version = cluster.kubectl(&["version", "--output=json"]).unwrap().success().unwrap();
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    for end in ["clientVersion", "serverVersion"] {
        let says = version[end]["gitVersion"].as_str().unwrap();
        assert!(says.starts_with("v1.37."), "{end} says {says}, which no chart's kubeVersion could be compared with");
    }
}

#[test]
fn an_attached_cluster_answers_like_the_one_it_is_and_is_left_alone() {
    let cluster = Cluster::shared().unwrap();
    let attached = Cluster::attach(cluster.kubeconfig()).unwrap();
    assert_eq!((attached.server_url(), attached.ca_pem()), (cluster.server_url(), cluster.ca_pem()));
    let namespace = attached.namespace("attached").unwrap();
    assert!(attached.audit_events().unwrap_err().to_string().contains("audit log"));
    drop(attached);
    cluster.kubectl(&["get", "namespace", &namespace]).unwrap().success().unwrap();
}
