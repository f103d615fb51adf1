//! Who is asked, and for what.

use super::*;

const MOMENT: Duration = Duration::from_millis(10);

#[tokio::test]
async fn a_refund_of_everything_is_held_until_its_amount_is_stated() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1", "k1"));
    let id = sidecar.pending().await;
    assert!(sidecar.lines.0.lock().unwrap()[0].ends_with("--set amount=…"));
    let (status, problem) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("`amount`"), "{problem}");
    assert_eq!(sidecar.approve("alice", &id, json!({"amount": "512.00"})).await.0, 422);
    assert_eq!(sidecar.approve("alice", &id, json!({"charge": "ch_2"})).await.0, 422);
    let (status, approved) = sidecar.approve("alice", &id, json!({"amount": "51200"})).await;
    assert_given(status, &approved);
    assert_eq!(approved["stated"]["amount"], 51_200);
    let permit = client.await.unwrap().unwrap();
    assert_eq!(
        permit.get().call().body.captured().unwrap(),
        b"charge=ch_1",
        "what was asked for is what is sent"
    );
}

#[tokio::test]
async fn rules_of_two_groups_want_a_person_of_each() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    assert_eq!(sidecar.approve("zoe", &id, json!({})).await.0, 403);
    let (status, first) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!((status, &first["state"]), (200, &json!("pending")), "{first}");
    assert_eq!(first["rules"][0]["id"], "refund-over-5000");
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 403);
    let (status, second) = sidecar.approve("sam", &id, json!({})).await;
    assert_given(status, &second);
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn who_asks_for_one_approval_is_told_all_that_the_page_shows() {
    let sidecar = Sidecar::start();
    let before = sidecar.send(refund("charge=ch_0&amount=80000", "k0"));
    let first = sidecar.pending().await;
    let deny = format!("/approvals/{first}/deny");
    assert_eq!(
        sidecar
            .api("alice", Method::POST, &deny, json!({"reason": "no"}))
            .await
            .0,
        200
    );
    assert!(before.await.unwrap().is_err());
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;

    let (_, list) = sidecar
        .api("alice", Method::GET, "/approvals?state=pending", Json::Null)
        .await;
    let listed = &list["items"][0];
    assert_eq!(
        (&listed["owner"], &listed["before"]),
        (&json!("olga"), &Json::Null),
        "{listed}"
    );
    let left = listed["seconds_left"].as_u64().unwrap();
    assert!((800..=900).contains(&left), "{listed}");

    let (_, shown) = sidecar
        .api("alice", Method::GET, &format!("/approvals/{id}"), Json::Null)
        .await;
    assert_eq!(shown["owner"], "olga");
    assert_eq!(shown["before"][0]["decision"], "REQUIRE_APPROVAL", "{shown}");
    assert!(
        shown["before"][0]["summary"].as_str().unwrap().contains("ch_0"),
        "{shown}"
    );
    assert_eq!(
        shown["before"].as_array().unwrap().len(),
        1,
        "not the call itself: {shown}"
    );
    let approving = shown["approving"].as_str().unwrap();
    assert!(approving.contains("security (refund-over-5000)"), "{approving}");
    assert!(approving.contains("The agent is connected and waits"), "{approving}");
    let (_, shown) = sidecar
        .api("alice", Method::GET, &format!("/approvals/{first}"), Json::Null)
        .await;
    assert_eq!(
        shown["approving"],
        Json::Null,
        "a yes comes to nothing any more: {shown}"
    );
    client.abort();
}

#[tokio::test]
async fn who_watches_is_told_what_changed_and_nothing_else() {
    let sidecar = Sidecar::start();
    let changes = async |since: &Json| {
        let path = if since.is_null() {
            "/approvals/changes".to_owned()
        } else {
            format!("/approvals/changes?since={since}")
        };
        let (status, told) = sidecar.api("alice", Method::GET, &path, Json::Null).await;
        assert_eq!(status, 200, "{told}");
        let items = told["items"].as_array().unwrap().clone();
        let states: Vec<(String, String)> = items
            .iter()
            .map(|item| {
                let text = |name: &str| item[name].as_str().unwrap().to_owned();
                (text("id"), text("state"))
            })
            .collect();
        (states, told["next"].clone())
    };
    let (none, start) = changes(&Json::Null).await;
    assert_eq!(none, []);
    let client = sidecar.send(refund("charge=ch_1&amount=90000", "k1"));
    let id = sidecar.pending().await;
    let (told, asked) = changes(&start).await;
    assert_eq!(told, [(id.clone(), "pending".to_owned())]);
    assert_eq!(changes(&asked).await, (Vec::new(), asked.clone()), "nothing happened");
    let deny = format!("/approvals/{id}/deny");
    assert_eq!(
        sidecar
            .api("alice", Method::POST, &deny, json!({"reason": "no"}))
            .await
            .0,
        200
    );
    let (told, denied) = changes(&asked).await;
    assert_eq!(told, [(id.clone(), "denied".to_owned())]);
    assert!(client.await.unwrap().is_err());

    // Of a start that went on for longer, or began before: all there is.
    let ahead = json!(denied.as_u64().unwrap() + 1);
    for other in [ahead, json!(7), Json::Null] {
        assert_eq!(changes(&other).await, (told.clone(), denied.clone()), "{other}");
    }
    let path = "/approvals/changes?since=now";
    let (_, from_now_on) = sidecar.api("alice", Method::GET, path, Json::Null).await;
    assert_eq!(from_now_on, json!({ "items": [], "next": denied }));
    for wrong in ["since=soon", "since=-1", "limit=0"] {
        let path = format!("/approvals/changes?{wrong}");
        let (status, _) = sidecar.api("alice", Method::GET, &path, Json::Null).await;
        assert_eq!(status, 400, "{wrong}");
    }
}

/// Ids of an answer, and what the next is asked for with.
async fn page(sidecar: &Sidecar, path: String) -> (Vec<String>, Json) {
    let (status, told) = sidecar.api("alice", Method::GET, &path, Json::Null).await;
    assert_eq!(status, 200, "{path}: {told}");
    let items = told["items"].as_array().unwrap();
    let id = |item: &Json| item["id"].as_str().unwrap().to_owned();
    (items.iter().map(id).collect(), told["next"].clone())
}

type Client = tokio::task::JoinHandle<Result<Recorded<Permit>, Refused>>;

/// Refunds of these charges, in this order, each under a key of its own.
async fn asked(sidecar: &Sidecar, charges: &[&str]) -> Vec<Client> {
    let mut clients = Vec::new();
    for (at, charge) in charges.iter().enumerate() {
        let call = refund(&format!("charge={charge}&amount=9000{at}"), &format!("k{at}"));
        clients.push(sidecar.send(call));
        let waits = async {
            while sidecar.parts.approvals.pending() <= at {
                tokio::time::sleep(MOMENT).await
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waits).await.unwrap();
        // Those of one millisecond stand in the order of their ids.
        tokio::time::sleep(MOMENT).await;
    }
    clients
}

#[tokio::test]
async fn the_queue_and_what_changed_come_in_pages() {
    let sidecar = Sidecar::start();
    let clients = asked(&sidecar, &["ch_0", "ch_1", "ch_2", "ch_3", "ch_4"]).await;
    let (all, next) = page(&sidecar, "/approvals?state=pending".to_owned()).await;
    assert_eq!((all.len(), next), (5, Json::Null));
    for limit in [1, 2, 5, 6] {
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/approvals?state=pending&limit={limit}{after}");
            let (ids, next) = page(&sidecar, path).await;
            assert!(!ids.is_empty() && ids.len() <= limit, "no page is empty: {ids:?}");
            paged.extend(ids);
            match next.as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(paged, all, "in pages of {limit}");
    }
    let (mut changed, mut since) = (Vec::new(), String::new());
    for size in [2, 2, 1, 0] {
        let (ids, next) = page(&sidecar, format!("/approvals/changes?limit=2{since}")).await;
        assert_eq!(ids.len(), size);
        changed.extend(ids);
        since = format!("&since={next}");
    }
    changed.sort();
    let mut all = all;
    all.sort();
    assert_eq!(changed, all);
    for wrong in [
        &*all[0],
        "soon",
        "1.",
        ".",
        "1.apr_1",
        "x.apr_00000000000000000000000000",
    ] {
        let path = format!("/approvals?limit=2&after={wrong}");
        let (status, told) = sidecar.api("alice", Method::GET, &path, Json::Null).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(told["detail"].as_str().unwrap().contains("`next`"), "{told}");
    }
    clients.iter().for_each(Client::abort);
}

/// So far the next page was asked for by an id, and the walk ended there.
#[tokio::test]
async fn a_page_comes_also_where_the_end_of_the_one_before_was_forgotten() {
    let moved = Arc::new(AtomicI64::new(0));
    let sidecar = Sidecar::with_clocks(moved.clone());
    let clients = asked(&sidecar, &["ch_0", "ch_1", "ch_2"]).await;
    let (all, _) = page(&sidecar, "/approvals".to_owned()).await;
    let deny = format!("/approvals/{}/deny", all[1]);
    let no = json!({"reason": "no"});
    assert_eq!(sidecar.api("alice", Method::POST, &deny, no).await.0, 200);
    let (first, next) = page(&sidecar, "/approvals?limit=2".to_owned()).await;
    assert_eq!(first, all[..2]);
    // What was denied is forgotten after ten minutes; what waits does so for fifteen.
    moved.store(11 * 60, std::sync::atomic::Ordering::SeqCst);
    drop(sidecar.parts.approvals.sweep());
    assert!(!page(&sidecar, "/approvals".to_owned()).await.0.contains(&all[1]));
    let after = format!("/approvals?limit=2&after={}", next.as_str().unwrap());
    assert_eq!(page(&sidecar, after).await, (vec![all[2].clone()], Json::Null));
    clients.iter().for_each(Client::abort);
}

#[tokio::test]
async fn a_page_tells_of_cards_that_go_beyond_it() {
    let sidecar = Sidecar::start();
    let clients = asked(&sidecar, &["ch_1", "ch_2", "ch_1", "ch_1"]).await;
    for path in ["/approvals?limit=1", "/approvals/changes?limit=1"] {
        let (_, told) = sidecar.api("alice", Method::GET, path, Json::Null).await;
        let similar = &told["items"][0]["similar"];
        assert_eq!((&similar["place"], &similar["of"]), (&json!(1), &json!(3)), "{told}");
    }
    let (_, told) = sidecar
        .api("alice", Method::GET, "/approvals?limit=2", Json::Null)
        .await;
    assert_eq!(told["items"][1]["similar"], Json::Null, "{told}");
    clients.iter().for_each(Client::abort);
}
