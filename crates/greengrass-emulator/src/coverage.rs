//! The operations of the emulated services that the emulator knows by name only, and how it refuses them. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    aws_json,
    error::ServiceError,
    operation::{self, Operation, Service},
    query,
};

/// Every operation that is known and not implemented.
fn missing() -> impl Iterator<Item = (Service, &'static str)> {
    let of = |service| move |name: &&'static str| (service, *name);
    operation::unimplemented()
        .chain(query::UNIMPLEMENTED.iter().map(of(Service::Sts)))
        .chain(aws_json::unimplemented().iter().map(of(Service::ThingsGraph)))
        .filter(|(service, name)| Operation::named(*service, name).is_none())
}

/// The same for people and tests: by service and name, with the error that a call gets.
pub(crate) fn report() -> Value {
    let mut services: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for (service, operation) in missing() {
        let error = ServiceError::NotImplemented { operation }.of_service(service);
        let shown = json!({"status": error.status(), "errorCode": error.code()});
        services.entry(service.signing_name()).or_default().insert(operation, shown);
    }
    json!(services)
}
