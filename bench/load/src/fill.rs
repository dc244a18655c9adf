//! Core devices and deployments, as many as are asked for, and the hour in which the devices take them. I/O: a socket.

use serde_json::{Value, json};

use crate::{
    Arguments,
    connection::Connection,
    signing::{ACCOUNT, REGION, signed},
};

const DEVICES_IN_A_GROUP: usize = 100;

/// What there is to ask for.
pub(crate) struct Filled {
    pub(crate) deployments: Vec<String>,
    pub(crate) devices: Vec<String>,
}

fn group(number: usize) -> String {
    format!("group-{number:04}")
}

pub(crate) async fn fill(arguments: &Arguments) -> Filled {
    let groups = arguments.devices.div_ceil(DEVICES_IN_A_GROUP);
    let mut connection = Connection::open(arguments.address).await;
    administer(&mut connection, "PUT", "quotas", &json!({"greengrass": "unlimited", "jobs": "unlimited"})).await;
    let mut devices = Vec::new();
    for number in 0..groups {
        let count = DEVICES_IN_A_GROUP.min(arguments.devices - devices.len());
        let fleet = json!({"accounts": [{
            "account": ACCOUNT,
            "region": REGION,
            "groups": [{"name": group(number)}],
            "devices": [{"name": format!("{}-##", group(number)), "count": count, "first": 0, "groups": [group(number)]}],
        }]});
        administer(&mut connection, "POST", "fleet", &fleet).await;
        devices.extend((0..count).map(|device| format!("{}-{device:02}", group(number))));
    }
    let mut deployments = Vec::new();
    for number in 0..arguments.deployments {
        let target = if number < groups {
            format!("thinggroup/{}", group(number))
        } else {
            format!("thing/{}", devices.get(number * 31 % devices.len()).unwrap())
        };
        let request =
            signed("greengrass", "POST", "/greengrass/v2/deployments", &deployment(number, &target).to_string());
        let (status, body) = connection.call(&request).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(body));
        let created: Value = serde_json::from_slice(body).unwrap();
        deployments.push(created.get("deploymentId").and_then(Value::as_str).unwrap().to_owned());
    }
    administer(&mut connection, "POST", "clock", &json!({"advanceMilliseconds": 3_600_000})).await;
    // What was due in that hour happens with the next call.
    administer(&mut connection, "GET", &format!("devices/{}", devices.first().unwrap()), &Value::Null).await;
    Filled { deployments, devices }
}

/// Three components with some configuration, as the operator's own benchmark deploys.
fn deployment(number: usize, target: &str) -> Value {
    let configuration = json!({
        "logging": {"level": "INFO", "fileSizeKB": 1024, "totalLogsSizeKB": 10240},
        "sampling": {"intervalSeconds": 30, "batch": 100, "sensors": ["temperature", "humidity", "vibration"]},
        "upload": {"topic": format!("site/{number}/telemetry"), "qos": 1, "compress": true},
    });
    json!({
        "targetArn": format!("arn:aws:iot:{REGION}:{ACCOUNT}:{target}"),
        "deploymentName": format!("deployment {number}"),
        "components": {
            "aws.greengrass.Nucleus": {"componentVersion": "2.14.3"},
            "com.example.Collector": {
                "componentVersion": "1.0.0",
                "configurationUpdate": {"merge": configuration.to_string(), "reset": ["/legacy"]},
            },
            "com.example.Uploader": {
                "componentVersion": "3.1.0",
                "configurationUpdate": {"merge": json!({"prefix": format!("group-{number}/")}).to_string()},
            },
        },
        "tags": {"team": "edge", "cost-center": "4711"},
    })
}

/// The admin interface, which isn't in the ledger.
async fn administer(connection: &mut Connection, method: &str, path: &str, body: &Value) {
    let body = body.to_string();
    let request = format!(
        "{method} /_emulator/{path} HTTP/1.1\r\nhost: emulator\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = connection.call(request.as_bytes()).await;
    assert!(status < 300, "{path}: {status} {}", String::from_utf8_lossy(answer));
}
