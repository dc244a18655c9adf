//! Every state of some objects, as the API server tells them (does I/O: starts kubectl).

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Deserializer, Value};

use crate::readers::{argo_cd, kstatus};
use crate::world::World;

/// What objects of a kind go through from now on.
pub struct Watch {
    kubectl: Child,
    output: PathBuf,
}

impl Watch {
    /// Of all that a namespace has of a kind, or of one that is named as `kind/name`.
    pub fn of(world: &World, what: &str, namespace: &str) -> Self {
        let output = world.folder().join(format!("{}.watched", what.replace('/', "-")));
        let kubectl = world
            .cluster
            .kubectl_command()
            .args(["get", what, "--namespace", namespace, "--watch", "--output=json"])
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { kubectl, output }
    }

    /// All states until now, oldest first.
    pub fn end(&mut self) -> Vec<Value> {
        self.kubectl.kill().unwrap();
        self.kubectl.wait().unwrap();
        let text = fs::read_to_string(&self.output).unwrap();
        // The last one may be cut.
        Deserializer::from_str(&text).into_iter().map_while(Result::ok).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Ended already, or ends now.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

/// No state looks broken: neither to Flux and Helm, nor to Argo CD.
pub fn assert_never_failed(states: &[Value]) {
    assert!(states.len() > 2, "it went through some: {states:#?}");
    for (state, word) in states.iter().zip(kstatus::read(states)) {
        let (health, message) = argo_cd::health(state);
        assert!(word != "Failed" && health != "Degraded", "{word}, {health}: {message}");
    }
}
