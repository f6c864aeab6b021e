//! A client that is not `Send`: it lives in a thread of its own, and what the suite holds is a way
//! to ask it.

use std::cell::Cell;
use std::error::Error;

use waldo_conformance::Adapter;

use crate::cancellable::{Cancellable, CancellableClient};

// Here begins what the guide shows.
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use waldo_conformance::{Ask, Client, Ending, Lacking, Need, Setup};

/// What the suite holds in place of the client: a way into the client's thread.
pub(crate) struct OneThread {
    messages: UnboundedSender<Message>,
}

/// A request to the client, and the channel for its answer.
enum Message {
    Send(Box<Ask>, Sender<Ending>),
    Invalidate(Sender<()>),
}

impl Client for OneThread {
    fn send(&self, ask: &Ask) -> Ending {
        let (ended, ending) = mpsc::channel();
        drop(self.messages.send(Message::Send(Box::new(ask.clone()), ended)));
        ending.recv().unwrap_or_else(|_| Ending::Other("the client's thread has ended".to_owned()))
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        let (done, is_done) = mpsc::channel();
        drop(self.messages.send(Message::Invalidate(done)));
        is_done.recv().map_err(|_| Lacking(Need::Invalidation))
    }
}

impl OneThread {
    /// Makes the client in its thread, where every call is a task. The thread ends with the last
    /// way into it.
    fn start(setup: Setup) -> Self {
        let (messages, mut received) = unbounded_channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async {
                let client = Rc::new(LocalClient::new(&setup));
                while let Some(message) = received.recv().await {
                    match message {
                        Message::Send(ask, ended) => {
                            let client = Rc::clone(&client);
                            spawn_local(async move { ended.send(client.send(&ask).await) });
                        }
                        Message::Invalidate(done) => {
                            client.invalidate();
                            _ = done.send(());
                        }
                    }
                }
            });
        });
        Self { messages }
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

    fn invalidate(&self) {
        self.client.invalidate_token();
    }
}

/// Makes such clients.
pub(crate) struct OneThreadEach;

impl Adapter for OneThreadEach {
    type Client = OneThread;

    fn lacks(&self) -> &[Need] {
        &[
            Need::Deadlines,
            Need::OutlivingLogins,
            Need::Reset,
            Need::Storage,
            Need::Uploads,
            Need::StalledUploads,
        ]
    }

    fn client(&self, setup: &Setup) -> Result<OneThread, Box<dyn Error>> {
        Ok(OneThread::start(setup.clone()))
    }
}
