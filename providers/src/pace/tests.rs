use std::sync::Arc;

use super::*;

fn operation(service: &str, name: &str) -> Operation {
    Operation {
        service: service.to_owned(),
        name: name.to_owned(),
        access: Access::Write,
    }
}

/// Sends `count` requests at once; when each was let go, in milliseconds.
async fn times(pacer: &Pacer, operation: &Operation, count: usize) -> Vec<u128> {
    let start = Instant::now();
    let sent = (0..count).map(|_| async {
        pacer.permit(operation).await.unwrap();
        start.elapsed().as_millis()
    });
    futures::future::join_all(sent).await
}

#[tokio::test(start_paused = true)]
async fn requests_go_as_fast_as_the_service_allows_and_no_faster() {
    let pacer = Pacer::default();
    let times = times(&pacer, &operation("Lambda", "CreateFunction"), 45).await;
    // Of 15, some are kept back: what was sent apart may arrive together.
    assert!(
        times[..13].iter().all(|at| *at == 0) && times[13] > 0,
        "{times:?}"
    );
    // The others at 15 a second.
    assert!((2090..=2110).contains(&times[44]), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_does_not_hold_up_the_fast_ones_of_its_service() {
    let pacer = Pacer::default();
    let slow = operation("API Gateway", "CreateDeployment");
    let fast = operation("API Gateway", "GetResources");
    let (slow, fast) = tokio::join!(times(&pacer, &slow, 2), times(&pacer, &fast, 30));
    assert_eq!(slow, [0, 5100]);
    assert!(fast.iter().all(|at| *at == 0), "{fast:?}");
}

#[tokio::test(start_paused = true)]
async fn the_most_urgent_goes_first() {
    let pacer = Pacer::default();
    let delete = operation("API Gateway", "DeleteRestApi");
    pacer.permit(&delete).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let sent = [1, 7, 3].map(|urgent| {
        let (order, pacer, delete) = (Arc::clone(&order), pacer.clone(), delete.clone());
        urgency::with(urgent, async move {
            pacer.permit(&delete).await.unwrap();
            order.lock().unwrap().push(urgent);
        })
    });
    futures::future::join_all(sent).await;
    assert_eq!(*order.lock().unwrap(), [7, 3, 1]);
}

/// A stage of many requests, all of them urgent, costs another stage one request's wait at a time.
#[tokio::test(start_paused = true)]
async fn stages_of_one_account_take_turns() {
    let pacers = Pacers::default();
    let (large, is_new) = pacers.of("123456789012-us-east-1", "large-dev");
    let (small, is_second) = pacers.of("123456789012-us-east-1", "small-dev");
    assert!(is_new && !is_second && pacers.of("123456789012-eu-west-1", "large-dev").1);
    let delete = operation("API Gateway", "DeleteRestApi");
    let order = Arc::new(Mutex::new(Vec::new()));
    let send = |pacer: &Pacer, name: &'static str, urgent: u64| {
        let (order, pacer, delete) = (Arc::clone(&order), pacer.clone(), delete.clone());
        urgency::with(urgent, async move {
            pacer.permit(&delete).await.unwrap();
            order.lock().unwrap().push(name);
        })
    };
    let mut sent: Vec<_> = (0..20).map(|_| send(&large, "large", 99)).collect();
    sent.extend((0..3).map(|_| send(&small, "small", 1)));
    futures::future::join_all(sent).await;
    let order = order.lock().unwrap();
    assert_eq!(
        order[..7],
        ["large", "small", "large", "small", "large", "small", "large"]
    );
    assert_eq!(order.len(), 23);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_learnt_from_and_forgotten() {
    let pacer = Pacer::default();
    let put = operation("API Gateway", "PutRestApi");
    pacer.permit(&put).await.unwrap();
    let pause = Some(Duration::from_secs(10));
    pacer.answered(&put, Answered::Throttled { pause });
    let start = Instant::now();
    pacer.permit(&put).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
    pacer.permit(&put).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 12, "half as fast");
    for _ in 0..40 {
        pacer.answered(&put, Answered::Served);
    }
    pacer.permit(&put).await.unwrap();
    let before = start.elapsed();
    pacer.permit(&put).await.unwrap();
    assert_eq!((start.elapsed() - before).as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_makes_room_for_the_next() {
    let pacer = Pacer::default();
    let delete = operation("API Gateway", "DeleteRestApi");
    pacer.permit(&delete).await.unwrap();
    let hasty = tokio::time::timeout(Duration::from_secs(1), pacer.permit(&delete));
    let patient = times(&pacer, &delete, 1);
    let (hasty, patient) = tokio::join!(hasty, patient);
    assert!(hasty.is_err());
    assert_eq!(patient, [30_100]);
}

#[tokio::test(start_paused = true)]
async fn once_stopped_nothing_waits() {
    let pacer = Pacer::default();
    let delete = operation("API Gateway", "DeleteRestApi");
    pacer.permit(&delete).await.unwrap();
    let since = Instant::now();
    let waiting = pacer.permit(&delete);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        pacer.stop("interrupted");
    };
    let (waiting, ()) = tokio::join!(waiting, stopping);
    assert!(matches!(waiting, Err(NotSent::HeldBack(why)) if why == "interrupted"));
    assert_eq!(since.elapsed(), Duration::from_secs(2));
    let (again, other) = (pacer.permit(&delete).await, operation("Lambda", "GetFunction"));
    assert!(again.is_err(), "it would have to wait");
    assert!(pacer.permit(&other).await.is_ok(), "it need not wait");
}

#[tokio::test(start_paused = true)]
async fn the_next_process_pays_what_this_one_owes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("1-us-east-1.json");
    let delete = operation("API Gateway", "DeleteRestApi");
    let first = Pacer::default();
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    first.carry_on(file.clone(), noon);
    first.permit(&delete).await.unwrap();

    let second = Pacer::default();
    second.carry_on(file, noon + Duration::from_secs(12));
    let waited = times(&second, &delete, 1).await;
    assert_eq!(waited, [18_100]);
}
