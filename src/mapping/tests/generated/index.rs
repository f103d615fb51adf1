//! The index of shipped files, and what is read by it.

use super::*;

#[test]
fn the_index_lists_what_ships() {
    let files = embedded::MAPPINGS.get_dir("generated").unwrap().files();
    let mut count = 0;
    for file in files.filter(|file| file.path().extension().is_some_and(|kind| kind == "yaml")) {
        let name = file.path().file_stem().unwrap().to_str().unwrap();
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(file.contents()));
        assert!(
            index().contains(&format!("\n{name}\t{digest}\t")),
            "{name}: make the index again"
        );
        count += 1;
    }
    assert_eq!(index().lines().filter(|line| !line.starts_with('#')).count(), count);
}

#[test]
fn a_shipped_file_is_read_when_its_host_is_met() {
    let mappings = load(&[("embedded:mappings/generated/INDEX", index())]).unwrap();
    let found = of(&mappings, "GET", "https://api.intercom.io/contacts/4294");
    assert_eq!((found.0.as_str(), found.2), ("ShowContact", Access::Read));
    assert_eq!(
        of(&mappings, "DELETE", "https://api.pinecone.io/indexes/test").2,
        Access::Delete
    );
    assert!(mappings.providers().any(|provider| provider == "cloudflare"));
    assert!(
        mappings
            .kinds()
            .get("cloudflare")
            .is_some_and(|kinds| kinds.contains("zone"))
    );
    // One of the home goes before the shipped one of its name.
    let own = GENERATED.replace("[api.x.example, other.x.example]", "[api.intercom.io]");
    let mappings = load(&[
        ("home/mappings/generated/intercom.yaml", &own),
        ("embedded:mappings/generated/INDEX", index()),
    ]);
    let found = of(&mappings.unwrap(), "GET", "https://api.intercom.io/contacts/4294");
    assert!(found.3, "{found:?}");
}

#[test]
fn the_digest_covers_what_is_not_read() {
    let digest = |text: &str| {
        load(&[("embedded:mappings/generated/INDEX", text)])
            .unwrap()
            .digest()
            .clone()
    };
    let other = index().replacen("asana\t", "asana\t0", 1);
    assert_ne!(digest(index()), digest(&other));
}
