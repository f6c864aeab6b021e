//! The store for tasks.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;
use waldo_store::{AsyncStore, Store, StoreProblem};
use waldo_store_redis::{AsyncRedisStore, RedisStore};

use crate::documents::next;
use crate::stores::{MINUTE, PATIENT, key, other_key, problem, read, replace, runtime, server};

#[test]
fn eight_tasks_lose_no_update() {
    let Some(server) = server() else { return };
    let store = Arc::new(AsyncRedisStore::new(&server.url()).unwrap().time_limit(PATIENT));
    runtime().block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move {
                for _ in 0..25 {
                    loop {
                        let seen = store.read(&key()).await.unwrap().document;
                        let next = next(seen.as_deref());
                        if store.replace(&key(), seen.as_deref(), &next, MINUTE).await.unwrap() {
                            break;
                        }
                    }
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(store.read(&key()).await.unwrap().document.as_deref(), Some(&b"200"[..]));
    });
}

/// The answer to a dropped question must not answer the next one.
#[test]
fn dropped_future_leaves_no_half_read_connection() {
    let Some(server) = server() else { return };
    let blocking = RedisStore::new(&server.url()).unwrap().time_limit(PATIENT);
    assert_eq!(replace(&blocking, None, b"one"), Ok(true));
    let store = AsyncRedisStore::new(&server.url()).unwrap().time_limit(PATIENT);
    runtime().block_on(async {
        store.read(&key()).await.unwrap();
        let (key, other_key) = (key(), other_key());
        for polls in 1..5 {
            server.pause();
            let mut question = store.read(&key);
            for _ in 0..polls {
                let polled = poll_fn(|context| Poll::Ready(question.as_mut().poll(context)));
                assert!(polled.await.is_pending());
                tokio::task::yield_now().await;
            }
            drop(question);
            server.go_on();
            assert_eq!(store.read(&other_key).await.unwrap().document, None);
        }
    });
    assert_eq!(read(&blocking), Ok(Some(b"one".to_vec())));
}

#[test]
fn question_outside_of_a_runtime_is_an_error() {
    let store = AsyncRedisStore::new("redis://canary:canary@127.0.0.1:1").unwrap();
    let key = key();
    let mut question = store.read(&key);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = question.as_mut().poll(&mut context) else {
        panic!("no runtime, and no error")
    };
    assert_eq!(problem(&error), StoreProblem::Other);
    assert!(error.to_string().contains("outside of a tokio runtime"), "{error}");
}

/// A connection lives as long as the runtime that made it.
#[test]
fn store_goes_on_in_another_runtime() {
    let Some(server) = server() else { return };
    let store = AsyncRedisStore::new(&server.url()).unwrap().time_limit(PATIENT);
    for _ in 0..3 {
        assert_eq!(runtime().block_on(store.read(&key())).unwrap().document, None);
    }
}

#[test]
fn stores_are_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<RedisStore>();
    is_shared::<AsyncRedisStore>();
    is_shared::<Box<dyn Store>>();
}
