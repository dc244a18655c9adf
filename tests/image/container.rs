//! The operator in a container that gets what the chart's Deployment gives a pod (does I/O: podman, helm).

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{IMAGE, podman};
use crate::chart::{helm, success};
use crate::world::operator::{free_port, page};
use crate::world::{ACCOUNT, World};

/// Where the kubelet puts them, and where every client looks for them.
const ACCOUNT_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What AWS is called in the container: the C library has to find it without its name service modules, which the image lacks.
const AWS: &str = "emulator.test";

/// A container of one test; it ends with it.
pub struct Container {
    name: String,
    port: u16,
    podman: Child,
}

impl Container {
    /// Beside others of the same world, with a name of its own.
    pub fn start(world: &World, name: &str) -> Self {
        let port = free_port();
        let deployment = deployment(world);
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let name = format!("{}-{name}", world.namespace);
        let mut command = Command::new("podman");
        command.args(runtime()).args(["run", "--rm", "--name", &name]).args(security(pod, container));
        // The host's network, because the control plane and AWS listen on its loopback interface. The limits are those of any shell:
        // podman would raise them, which takes a capability that not every machine gives.
        command.args(["--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
        command.arg(format!("--add-host={AWS}:127.0.0.1"));
        command.arg(format!("--volume={}:{ACCOUNT_FOLDER}:ro", service_account(world).display()));
        let host = world.cluster.server_url().strip_prefix("https://").unwrap();
        let (host, api_port) = host.rsplit_once(':').unwrap();
        command.arg(format!("--env=KUBERNETES_SERVICE_HOST={host}"));
        command.arg(format!("--env=KUBERNETES_SERVICE_PORT={api_port}"));
        command.arg(format!("--env=HOSTNAME={name}"));
        for variable in container["env"].as_array().unwrap() {
            command.arg(format!("--env={}={}", text(&variable["name"]), text(&variable["value"])));
        }
        command.arg(text(&container["image"]));
        let of_the_pod = |argument: &str| argument == "--admin-address=0.0.0.0:8080";
        let arguments: Vec<&str> = container["args"].as_array().unwrap().iter().map(text).collect();
        assert!(arguments.iter().any(|argument| of_the_pod(argument)), "{arguments:?}");
        // Containers on the host's network would want the same port.
        command.args(arguments.iter().filter(|argument| !of_the_pod(argument)));
        command.arg(format!("--admin-address=127.0.0.1:{port}"));
        let log = OpenOptions::new().create(true).append(true).open(world.folder().join("operator.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { name, port, podman: command.spawn().expect("podman is missing (Debian: apt install podman runc)") }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_ready(&self) -> bool {
        page(self.port, "/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Whether it says that it may write.
    pub fn leads(&self) -> bool {
        page(self.port, "/metrics").is_some_and(|(_, text)| text.contains("greengrass_operator_leading 1\n"))
    }

    /// The id of its first process, as the machine counts.
    pub fn process_id(&self) -> String {
        podman(&["inspect", "--format={{.State.Pid}}", &self.name]).trim().to_owned()
    }

    /// Sends a signal, as the kubelet does, and says how the program ended.
    pub fn end(mut self, signal: &str) -> ExitStatus {
        podman(&["kill", &format!("--signal={signal}"), &self.name]);
        let started = Instant::now();
        loop {
            if let Some(status) = self.podman.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{} does not end on {signal}", self.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Already ended, or ends now; there is nobody to tell of a failure.
        let remove = ["rm", "--force", "--ignore", "--time=0", &self.name];
        let _ = Command::new("podman").args(remove).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = self.podman.wait();
    }
}

/// The chart's Deployment, as it would be for this world.
fn deployment(world: &World) -> Value {
    let (repository, tag) = IMAGE.rsplit_once(':').unwrap();
    let values = [
        format!("image.repository={repository},image.tag={tag}"),
        format!("watchNamespaces={{{}}},clusterName=test,log.format=text", world.namespace),
        format!("aws.endpointUrl={}", world.endpoint().replace("127.0.0.1", AWS)),
        format!("extraEnv[0].name=AWS_ACCESS_KEY_ID,extraEnv[0].value={ACCOUNT}"),
        "extraEnv[1].name=AWS_SECRET_ACCESS_KEY,extraEnv[1].value=secret".to_owned(),
    ];
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/greengrass-operator");
    let mut arguments = vec!["template", "greengrass-operator", chart, "--namespace", &world.namespace];
    arguments.extend(["--show-only", "templates/deployment.yaml"]);
    // An account's number is text.
    arguments.extend(values.iter().flat_map(|value| ["--set-string", value]));
    serde_saphyr::from_str(&success(&helm(None, &arguments))).unwrap()
}

/// What podman is told for the security context. Whatever else the chart asks for has to be added here.
fn security(pod: &Value, container: &Value) -> Vec<String> {
    let of_pod = &pod["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "which podman applies without being told");
    let of_container = container["securityContext"].as_object().unwrap();
    assert_eq!(of_container.len(), 3, "{of_container:?}");
    assert_eq!(of_container["allowPrivilegeEscalation"], false);
    assert_eq!(of_container["readOnlyRootFilesystem"], true);
    assert_eq!(of_container["capabilities"]["drop"], serde_json::json!(["ALL"]));
    vec![
        format!("--user={}:{}", of_pod["runAsUser"], of_pod["runAsGroup"]),
        "--read-only".to_owned(),
        // Kubernetes mounts nothing that can be written to.
        "--read-only-tmpfs=false".to_owned(),
        "--cap-drop=all".to_owned(),
        "--security-opt=no-new-privileges".to_owned(),
    ]
}

/// The folder that the kubelet would mount: a token of the chart's `ServiceAccount`, the API server's authority, the namespace.
fn service_account(world: &World) -> std::path::PathBuf {
    let folder = world.folder().join("serviceaccount");
    if !folder.exists() {
        let token = ["create", "token", "greengrass-operator", "--duration=1h"];
        let token = world.kubectl(&token).success().unwrap();
        fs::create_dir(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("token", token.trim());
        write("ca.crt", world.cluster.ca_pem());
        write("namespace", &world.namespace);
    }
    folder
}

/// runc where it is installed: crun refuses machines that mix both versions of cgroups, and those without any work with either.
pub fn runtime() -> Vec<&'static str> {
    let installed = ["/usr/sbin/runc", "/usr/bin/runc"].into_iter().any(|path| Path::new(path).exists());
    if installed { vec!["--runtime=runc"] } else { Vec::new() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
