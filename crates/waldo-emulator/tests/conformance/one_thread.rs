//! A client that is not `Send`: it lives in a thread of its own, and what the suite holds is a way
//! to ask it.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use waldo_emulator::conformance::{Adapter, Ask, Client, Ending, Need, Setup};

use crate::cancellable::{Cancellable, CancellableClient};

// Here begins what the guide shows.
/// What the suite holds in place of the client: a way into the client's thread.
pub(crate) struct OneThread {
    asks: UnboundedSender<(Ask, Sender<Ending>)>,
}

impl Client for OneThread {
    fn send(&self, ask: &Ask) -> Ending {
        let (ended, ending) = mpsc::channel();
        drop(self.asks.send((ask.clone(), ended)));
        ending.recv().unwrap_or_else(|_| Ending::Other("the client's thread has ended".to_owned()))
    }
}

impl OneThread {
    /// Makes the client in its thread, where every call is a task. The thread ends with the last
    /// way into it.
    fn start(setup: Setup) -> Self {
        let (asks, mut asked) = unbounded_channel::<(Ask, Sender<Ending>)>();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async {
                let client = Rc::new(LocalClient::new(&setup));
                while let Some((ask, ended)) = asked.recv().await {
                    let client = Rc::clone(&client);
                    spawn_local(async move { ended.send(client.send(&ask).await) });
                }
            });
        });
        Self { asks }
    }
}
// Here ends what the guide shows.

/// The client itself. It counts its calls as only one thread can.
struct LocalClient {
    client: CancellableClient,
    calls: Cell<usize>,
}

impl LocalClient {
    fn new(setup: &Setup) -> Self {
        let client = Cancellable::default().client(setup).unwrap();
        Self { client, calls: Cell::new(0) }
    }

    async fn send(&self, ask: &Ask) -> Ending {
        self.calls.set(self.calls.get() + 1);
        self.client.ends(ask).await
    }
}

/// Makes such clients.
pub(crate) struct OneThreadEach;

impl Adapter for OneThreadEach {
    type Client = OneThread;

    fn lacks(&self) -> &[Need] {
        Cancellable::LACKS
    }

    fn client(&self, setup: &Setup) -> Result<OneThread, Box<dyn Error>> {
        Ok(OneThread::start(setup.clone()))
    }
}
