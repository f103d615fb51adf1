use std::os::unix::fs::PermissionsExt;

use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::{Authority, Rotation, leaf};
use super::*;
use crate::model::Host;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn made() -> (TempDir, Certificate) {
    let directory = TempDir::new().unwrap();
    let certificate = Authority::load_or_create(directory.path()).unwrap().certificate();
    (directory, certificate)
}

fn take(running: &Authority, rotation: &Rotation) {
    running.apply(running.prepare(rotation).unwrap());
}

/// A home whose authority ends on 1 January of `year`.
fn ending(year: i32) -> TempDir {
    let (directory, _) = made();
    let paths = Paths::in_directory(directory.path());
    let key = KeyPair::from_pem(&fs::read_to_string(&paths.key).unwrap()).unwrap();
    let mut parameters = leaf::authority_parameters();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    fs::write(&paths.certificate, parameters.self_signed(&key).unwrap().pem()).unwrap();
    directory
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

fn is_issued_by(authority: &Authority, issuer: &Certificate) -> bool {
    let config = authority.server_config(&"a.test".parse::<Host>().unwrap()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(authority.provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates({
            let mut roots = rustls::RootCertStore::empty();
            roots.add(issuer.der.clone()).unwrap();
            roots
        })
        .with_no_client_auth();
    client.resumption = rustls::client::Resumption::disabled();
    let mut client = rustls::ClientConnection::new(client.into(), "a.test".try_into().unwrap()).unwrap();
    let mut server = rustls::ServerConnection::new(config).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        sent.clear();
        server.write_tls(&mut sent).unwrap();
        client.read_tls(&mut sent.as_slice()).unwrap();
        if client.process_new_packets().is_err() {
            return false;
        }
    }
    let chain: Vec<CertificateDer<'_>> = client.peer_certificates().unwrap().to_vec();
    X509Certificate::from_der(&chain[0]).is_ok() && chain[1] == issuer.der
}

#[test]
fn both_are_trusted_until_the_new_one_signs_and_then_it_alone() {
    let (directory, old) = made();
    let certs = directory.path();
    let running = Authority::load_or_create(certs).unwrap();
    assert_eq!(running.look().unwrap(), None);
    let next = rotate(certs, WEEK).unwrap();
    assert_eq!(trusted(certs).unwrap(), [old.clone(), next.certificate.clone()]);
    assert_eq!(running.trusted(), std::slice::from_ref(&old), "looking comes first");

    let rotation = running.look().unwrap().unwrap();
    assert_eq!(rotation, Rotation::Next(Some(next.clone())));
    take(&running, &rotation);
    assert_eq!(running.look().unwrap(), None);
    assert_eq!(running.trusted(), trusted(certs).unwrap());
    assert!(is_issued_by(&running, &old) && !is_issued_by(&running, &next.certificate));

    let hastened = hasten(certs).unwrap();
    assert_eq!(hastened.certificate, next.certificate);
    let rotation = running.look().unwrap().unwrap();
    assert_eq!(rotation, Rotation::Due(hastened));
    take(&running, &rotation);
    assert!(is_issued_by(&running, &next.certificate) && !is_issued_by(&running, &old));
    assert_eq!(running.trusted(), std::slice::from_ref(&next.certificate));
    assert_eq!(trusted(certs).unwrap(), [next.certificate]);
    assert_eq!(names(certs), ["ca.key", "ca.pem"], "the old key is gone");
    let mode = fs::metadata(certs.join("ca.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn one_that_is_taken_away_again_is_trusted_no_more() {
    let (directory, old) = made();
    let running = Authority::load_or_create(directory.path()).unwrap();
    rotate(directory.path(), WEEK).unwrap();
    take(&running, &running.look().unwrap().unwrap());
    fs::remove_dir_all(directory.path().join("next")).unwrap();
    let rotation = running.look().unwrap().unwrap();
    assert_eq!(rotation, Rotation::Next(None));
    take(&running, &rotation);
    assert_eq!(running.trusted(), [old]);
}

#[test]
fn its_key_is_for_us_alone_and_one_follows_at_a_time() {
    let (directory, _) = made();
    let certs = directory.path();
    let next = rotate(certs, WEEK).unwrap();
    let mode = |path: &str| fs::metadata(certs.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("next"), mode("next/ca.key")), (0o700, 0o600));
    assert!(matches!(rotate(certs, WEEK), Err(Error::FollowedAlready(from)) if from == next.signs_from));
    assert_eq!(successor(certs).unwrap(), Some(next));
    let (other, _) = made();
    assert!(matches!(hasten(other.path()), Err(Error::NothingToFollow(_))));
    let nothing = TempDir::new().unwrap();
    assert!(matches!(rotate(nothing.path(), WEEK), Err(Error::NothingToFollow(_))));
}

/// SECURITY: whoever could read the key once may have it still.
#[test]
fn a_follower_whose_key_others_may_read_does_not_take_over() {
    let (directory, old) = made();
    let certs = directory.path();
    rotate(certs, Duration::ZERO).unwrap();
    fs::set_permissions(certs.join("next/ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Authority::load_or_create(certs), Err(Error::LaxMode { .. })));
    assert_eq!(Certificate::read(&certs.join("ca.pem")).unwrap(), old);
    assert!(certs.join("next/ca.key").exists(), "nothing was touched");
}

#[test]
fn what_a_crash_leaves_is_carried_on() {
    // Each state that a takeover passes, in its order.
    let steps: [&dyn Fn(&Path); 5] = [
        &|_| {},
        &|certs| fs::rename(certs.join("next/ca.key"), certs.join("ca.key")).unwrap(),
        &|certs| fs::rename(certs.join("next/ca.pem"), certs.join("ca.pem")).unwrap(),
        &|certs| fs::remove_file(certs.join("next/signs-from")).unwrap(),
        &|certs| fs::remove_dir(certs.join("next")).unwrap(),
    ];
    for done in 1..=steps.len() {
        let (directory, _) = made();
        let certs = directory.path();
        let next = rotate(certs, Duration::ZERO).unwrap();
        for step in &steps[..done] {
            step(certs);
        }
        assert_eq!(trusted(certs).unwrap().pop(), Some(next.certificate.clone()), "{done}");
        let authority = Authority::load_or_create(certs).unwrap_or_else(|error| panic!("{done}: {error}"));
        assert_eq!(authority.trusted(), [next.certificate], "{done}");
        rotate(certs, WEEK).unwrap();
    }
}

#[test]
fn what_never_became_a_follower_is_none() {
    let (directory, old) = made();
    let certs = directory.path();
    let draft = certs.join(".next-0123");
    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("ca.key"), "half a k").unwrap();
    fs::write(certs.join(".next-4567"), "2026-").unwrap();
    let authority = Authority::load_or_create(certs).unwrap();
    assert_eq!((authority.certificate(), authority.successor()), (old, None));
    rotate(certs, WEEK).unwrap();
    assert_eq!(names(certs), ["ca.key", "ca.pem", "next"]);
}

#[test]
fn the_overlap_ends_with_the_one_before_at_the_latest() {
    let directory = ending(2036);
    let ends = Certificate::read(&directory.path().join("ca.pem")).unwrap().not_after;
    let next = rotate(directory.path(), Duration::from_secs(100 * 365 * 24 * 3600)).unwrap();
    assert_eq!(next.signs_from, ends);

    // One that has ended keeps the sidecar from starting, and is followed at once.
    let directory = ending(2020);
    assert!(matches!(
        Authority::load_or_create(directory.path()),
        Err(Error::NotValidNow(_))
    ));
    let next = rotate(directory.path(), WEEK).unwrap();
    let authority = Authority::load_or_create(directory.path()).unwrap();
    assert_eq!(authority.trusted(), [next.certificate]);
}

#[test]
fn a_follower_without_its_time_is_refused_and_the_one_in_force_stays() {
    let (directory, old) = made();
    let running = Authority::load_or_create(directory.path()).unwrap();
    rotate(directory.path(), WEEK).unwrap();
    let file = directory.path().join("next/signs-from");
    for wrong in ["", "soon", "2026-13-01T00:00:00Z", "1795183500"] {
        fs::write(&file, wrong).unwrap();
        assert!(
            matches!(running.look(), Err(Error::NotATime(path)) if path == file),
            "{wrong}"
        );
    }
    assert_eq!(running.trusted(), [old]);
}

#[test]
fn of_many_who_rotate_at_once_one_does_and_what_it_made_stays() {
    for _ in 0..8 {
        let (directory, old) = made();
        let certs = directory.path();
        let start = std::sync::Barrier::new(8);
        let tried: Vec<_> = std::thread::scope(|scope| {
            let rotating: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        rotate(certs, WEEK)
                    })
                })
                .collect();
            rotating.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = tried.into_iter().partition(Result::is_ok);
        assert!(
            refused
                .iter()
                .all(|refused| matches!(refused, Err(Error::FollowedAlready(_)))),
            "{refused:?}"
        );
        let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
        assert_eq!(made, [successor(certs).unwrap().unwrap()]);
        assert_eq!(trusted(certs).unwrap(), [old, made[0].certificate.clone()]);
        pair_to_be(certs).unwrap();
    }
}

/// SECURITY: everybody may read the directory, and what one may open, one may lock.
#[test]
fn who_only_reads_the_directory_keeps_nobody_from_rotating() {
    let (directory, _) = made();
    let certs = directory.path();
    let other = fs::File::open(certs).unwrap();
    other.lock().unwrap();
    rotate(certs, Duration::ZERO).unwrap();
    Authority::load_or_create(certs).unwrap();
    let mode = fs::metadata(certs.join(".lock")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn a_key_that_somebody_else_put_there_is_not_removed() {
    let (directory, _) = made();
    let certs = directory.path();
    fs::create_dir(certs.join("next")).unwrap();
    fs::write(certs.join("next/ca.key"), "precious").unwrap();
    assert!(matches!(rotate(certs, WEEK), Err(Error::File { action: "remove", .. })));
    assert_eq!(fs::read_to_string(certs.join("next/ca.key")).unwrap(), "precious");
}

/// SECURITY: the old key, perhaps the one that leaked, would go on signing while the files and `ca show` name the new one.
#[test]
fn a_takeover_that_cannot_clear_up_has_happened() {
    let (directory, _) = made();
    let certs = directory.path();
    let running = Authority::load_or_create(certs).unwrap();
    let next = rotate(certs, Duration::ZERO).unwrap();
    // A directory with something in it is not removed.
    fs::write(certs.join("next/notes.txt"), "precious").unwrap();
    take(&running, &running.look().unwrap().unwrap());
    assert!(is_issued_by(&running, &next.certificate));
    assert_eq!(running.trusted(), [next.certificate]);
    assert_eq!(fs::read_to_string(certs.join("next/notes.txt")).unwrap(), "precious");
    assert_eq!(running.look().unwrap(), None);
}

#[test]
fn one_that_was_put_in_place_signs_whoever_put_it_there() {
    let (directory, old) = made();
    let certs = directory.path();
    let running = Authority::load_or_create(certs).unwrap();
    let (other, new) = made();
    // Between the two there is no pair, and the one before goes on.
    fs::rename(other.path().join("ca.pem"), certs.join("ca.pem")).unwrap();
    let rotation = running.look().unwrap().unwrap();
    assert_eq!(rotation, Rotation::Replaced(new.clone()));
    assert!(matches!(running.prepare(&rotation), Err(Error::KeyMismatch { .. })));
    assert!(is_issued_by(&running, &old));
    fs::rename(other.path().join("ca.key"), certs.join("ca.key")).unwrap();
    take(&running, &rotation);
    assert!(is_issued_by(&running, &new));
    assert_eq!((running.look().unwrap(), running.trusted()), (None, vec![new]));
}
