//! Clusters as a test sees them (does I/O: starts real clusters).

#[test]
fn starts() {
    let c = testcluster::Cluster::start().unwrap();
    println!("{:?} {:?}", c.process_ids(), c.folder());
}
