//! What is in the image (does I/O: podman, tar, cargo).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{IMAGE, output, podman, repository};

/// In bytes, uncompressed.
const MOST: u64 = 40_000_000;
/// Where the image keeps what it says about itself.
const DOCUMENTS: &str = "usr/share/doc/greengrass-operator";

/// The image's only layer, unpacked.
struct Contents {
    files: PathBuf,
    /// Lines of `tar --list --verbose`: mode, owner, size, time and name.
    listing: String,
    _folder: tempfile::TempDir,
}

fn blob(layout: &Path, digest: &Value) -> PathBuf {
    layout.join("blobs").join(digest.as_str().unwrap().replace(':', "/"))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn contents() -> Contents {
    let folder = tempfile::tempdir().unwrap();
    let (layout, files) = (folder.path().join("layout"), folder.path().join("files"));
    podman(&["save", "--quiet", "--format=oci-dir", "--output", layout.to_str().unwrap(), IMAGE]);
    let index = json(&layout.join("index.json"));
    let manifest = json(&blob(&layout, &index["manifests"][0]["digest"]));
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1, "{layers:?}");
    let layer = blob(&layout, &layers[0]["digest"]);
    fs::create_dir(&files).unwrap();
    let tar =
        |arguments: &[&str]| output(Command::new("tar").args(arguments).arg("--file").arg(&layer).env("TZ", "UTC"));
    tar(&["--extract", "--no-same-owner", "--directory", files.to_str().unwrap()]);
    let listing = tar(&["--list", "--verbose", "--numeric-owner", "--full-time"]);
    Contents { files, listing, _folder: folder }
}

fn configuration() -> Value {
    let images: Value = serde_json::from_str(&podman(&["image", "inspect", IMAGE])).unwrap();
    images[0].clone()
}

/// Name and version of every crate that is linked into the program, by cargo's account.
fn linked_crates() -> BTreeSet<(String, String)> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(repository()).args(["tree", "--locked", "--offline", "--package", "greengrass-operator"]);
    tree.args(["--target", "x86_64-unknown-linux-gnu", "--edges", "normal,no-proc-macro"]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    let crates = output(&mut tree);
    let words = crates.lines().filter_map(|line| line.split_once(' '));
    words.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap()[1..].to_owned())).collect()
}

/// Name and version of parts of a bill whose package URL begins so.
fn parts(bill: &Value, kind: &str) -> BTreeSet<(String, String)> {
    let parts = bill["components"].as_array().unwrap().iter().chain([&bill["metadata"]["component"]]);
    let parts = parts.filter(|part| part["purl"].as_str().unwrap().starts_with(kind));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    parts.map(|part| (text(&part["name"]), text(&part["version"]))).collect()
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_is_small_and_says_who_it_is() {
    let image = configuration();
    let size = image["Size"].as_u64().unwrap();
    println!("{IMAGE}: {size} bytes");
    assert!(size <= MOST, "{size}");
    let configuration = &image["Config"];
    assert_eq!(configuration["User"], "65532:65532");
    let labels = configuration["Labels"].as_object().unwrap();
    let label = |name: &str| labels[&format!("org.opencontainers.image.{name}")].as_str().unwrap();
    assert_eq!(label("title"), "greengrass-operator");
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    assert!(!label("description").is_empty());
    assert_eq!(label("revision").trim_end_matches("-dirty").len(), 40, "{}", label("revision"));
    assert_eq!(label("created"), image["Created"].as_str().unwrap());
    // Nothing that changes from one build of the same source to the next.
    assert_eq!(labels.len(), 6, "{labels:?}");
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_has_no_shell_and_nothing_that_anybody_but_root_could_change() {
    let contents = contents();
    let mut programs = BTreeSet::new();
    let mut times = BTreeSet::new();
    for entry in contents.listing.lines() {
        let columns: Vec<&str> = entry.split_ascii_whitespace().collect();
        let [mode, owner, _, day, time, name, ..] = columns[..] else { panic!("{entry}") };
        assert_eq!(owner, "0/0", "{entry}");
        times.insert(format!("{day} {time}"));
        if mode.starts_with('l') {
            continue;
        }
        assert!(!mode.contains(['s', 'S', 't', 'T']), "{entry}");
        let (group, others) = (&mode[4..7], &mode[7..10]);
        assert!(!group.contains('w') && !others.contains('w'), "{entry}");
        assert!(others.starts_with('r'), "the operator's user can't read it: {entry}");
        if mode.starts_with('-') && mode.contains('x') {
            programs.insert(name.trim_start_matches("./"));
        }
    }
    let expected = ["lib64/ld-linux-x86-64.so.2", "usr/local/bin/greengrass-operator"];
    assert_eq!(programs, BTreeSet::from(expected), "{}", contents.listing);
    assert_eq!(times.len(), 1, "files bear the time of the commit: {times:?}");
    let users = fs::read_to_string(contents.files.join("etc/passwd")).unwrap();
    assert!(users.lines().any(|user| user.starts_with("nonroot:x:65532:65532:")), "{users}");
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_brings_the_certificate_authorities_where_the_program_looks_for_them() {
    let bundle = "etc/ssl/certs/ca-certificates.crt";
    let contents = contents();
    let text = fs::read_to_string(contents.files.join(bundle)).unwrap();
    let (begun, ended) = ("-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----\n");
    let count = text.matches(begun).count();
    assert!(count > 100 && text.matches(ended).count() == count, "{count} authorities, each on lines of its own");
    // What AWS's endpoints have their certificates from (https://www.amazontrust.com/repository/).
    assert!(contents.files.join("var/lib/dpkg/status.d/ca-certificates").exists());
    let program = fs::read(contents.files.join("usr/local/bin/greengrass-operator")).unwrap();
    let path = format!("/{bundle}");
    assert!(program.windows(path.len()).any(|window| window == path.as_bytes()), "the program looks elsewhere");
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn its_bill_of_materials_names_what_is_linked_and_what_debian_gave() {
    let contents = contents();
    let bill = json(&contents.files.join(DOCUMENTS).join("sbom.cdx.json"));
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["component"]["name"], "greengrass-operator");
    let crates = linked_crates();
    assert!(crates.len() > 200 && crates.iter().any(|(name, _)| name == "aws-lc-sys"), "{crates:?}");
    assert_eq!(parts(&bill, "pkg:cargo/"), crates);

    let packages = fs::read_dir(contents.files.join("var/lib/dpkg/status.d")).unwrap().map(|entry| {
        let control = fs::read_to_string(entry.unwrap().path()).unwrap();
        let field = |name: &str| control.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (field("Package: "), field("Version: "))
    });
    let packages: BTreeSet<_> = packages.collect();
    assert!(packages.iter().any(|(name, _)| name == "libc6"), "{packages:?}");
    assert_eq!(parts(&bill, "pkg:deb/debian/"), packages);
    assert!(!bill.to_string().contains(repository().to_str().unwrap()), "where it was built is nobody's business");
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_brings_the_licence_of_everything_in_it() {
    let contents = contents();
    let documents = contents.files.join(DOCUMENTS);
    let own = fs::read_to_string(repository().join("LICENSE")).unwrap();
    assert_eq!(fs::read_to_string(documents.join("LICENSE")).unwrap(), own);

    let licences = fs::read_to_string(documents.join("THIRD-PARTY-LICENSES")).unwrap();
    // Names of crates between two lines, then the text that they bring.
    let sections: Vec<&str> = licences.split(&format!("{}\n", "=".repeat(100))).skip(1).collect();
    for (name, version) in linked_crates().iter().filter(|(name, _)| !name.starts_with("greengrass-operator")) {
        let entry = format!("{name} {version} (");
        let texts = sections.chunks(2).filter(|section| section[0].lines().any(|line| line.starts_with(&entry)));
        let lengths: Vec<usize> = texts.map(|section| section[1].len()).collect();
        // Some bring a file more, which only says which licences there are.
        assert!(lengths.iter().any(|length| *length > 400), "{name} {version}: {lengths:?}");
    }
    for package in fs::read_dir(contents.files.join("var/lib/dpkg/status.d")).unwrap() {
        let copyright = Path::new("usr/share/doc").join(package.unwrap().file_name()).join("copyright");
        assert!(
            fs::read_to_string(contents.files.join(&copyright)).is_ok_and(|text| text.len() > 200),
            "{copyright:?}"
        );
    }
    assert!(contents.files.join("usr/share/common-licenses/GPL-3").exists(), "which libgcc's licence points at");
}
