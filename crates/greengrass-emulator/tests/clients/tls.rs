//! HTTPS: the AWS CLI and boto3 with a certificate that the program made, and with one from files.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use uuid::Uuid;

use crate::program::Program;

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tls-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lists_things(program: &Program, trusted: &str) -> Output {
    program.client("aws").env("AWS_CA_BUNDLE", trusted).args(["iot", "list-things"]).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_aws_cli_and_boto3_trust_the_certificate_that_the_program_made_and_no_other() {
    let folder = Folder::new();
    let (mut program, urls) =
        Program::start_at(&["127.0.0.1:0", "[::1]:0"], &["--tls-self-signed", &folder.file("authority.pem")]);
    for url in &urls {
        assert!(url.starts_with("https://"), "{url}");
        program.url.clone_from(url);
        let output = lists_things(&program, &folder.file("authority.pem"));
        assert!(output.status.success(), "{}", printed(&output));
    }
    let script = "import boto3; print(boto3.client('iot').create_thing(thingName='x')['thingArn'])";
    let mut python = program.client("python3");
    let output = python.env("AWS_CA_BUNDLE", folder.file("authority.pem")).args(["-c", script]).output().unwrap();
    assert!(printed(&output).contains(":thing/x"), "{}", printed(&output));
    assert!(printed(&lists_things(&program, &folder.file("authority.pem"))).contains("\"thingName\": \"x\""));
    let other = Folder::new();
    let (_other, _) = Program::start_at(&["127.0.0.1:0"], &["--tls-self-signed", &other.file("authority.pem")]);
    let refused = printed(&lists_things(&program, &other.file("authority.pem")));
    assert!(refused.contains("CERTIFICATE_VERIFY_FAILED"), "{refused}");
    // Neither one that speaks without TLS nor one that says nothing keeps the others from it.
    let address = urls[0].strip_prefix("https://").unwrap();
    let _silent = TcpStream::connect(address).unwrap();
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET /_emulator/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(lists_things(&program, &folder.file("authority.pem")).status.success());
    assert!(program.stops_on("-TERM"));
}

#[test]
fn a_certificate_comes_from_files_and_what_is_wrong_with_them_is_said() {
    let folder = Folder::new();
    let (certificate, key) = (folder.file("certificate.pem"), folder.file("key.pem"));
    let write = |certificate_file: &str, key_file: &str| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(Path::new(certificate_file), made.cert.pem()).unwrap();
        fs::write(Path::new(key_file), made.signing_key.serialize_pem()).unwrap();
    };
    write(&certificate, &key);
    let (program, _) = Program::start_at(&["127.0.0.1:0"], &["--tls-certificate", &certificate, "--tls-key", &key]);
    let output = lists_things(&program, &certificate);
    assert!(output.status.success(), "{}", printed(&output));

    let other = folder.file("other-key.pem");
    write(&folder.file("other.pem"), &other);
    let missing = folder.file("missing.pem");
    for (arguments, expected) in [
        (vec!["--tls-certificate", &certificate], "--tls-key"),
        (vec!["--tls-certificate", &certificate, "--tls-key", &other], "certificate and key"),
        (vec!["--tls-certificate", &missing, "--tls-key", &key], "missing.pem"),
        (vec!["--tls-certificate", &key, "--tls-key", &key], "there is no certificate in it"),
        (vec!["--tls-certificate", &certificate, "--tls-key", &certificate], "certificate.pem"),
        (vec!["--tls-certificate", &certificate, "--tls-key", &key, "--tls-self-signed", &missing], "cannot be used"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greengrass-emulator"));
        let output = command.args(["--listen", "127.0.0.1:0"]).args(arguments).output().unwrap();
        assert!(!output.status.success() && printed(&output).contains(expected), "{expected}: {}", printed(&output));
    }
}
