//! Who watches which task. A topic exists while a worker of this process runs the task or somebody
//! watches it; finished tasks leave nothing behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use model::{DeltaPart, JournalEvent, JournalRow, OpenTurn, TaskId, TurnDelta};
use tokio::sync::broadcast;

/// Pieces of news that a reader may fall behind before it has to read the journal again.
const CAPACITY: usize = 256;

/// A piece of news about a task.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// A row was committed.
    Row(Arc<JournalRow>),
    /// A piece of the open turn.
    Delta(Arc<TurnDelta>),
    /// Another process wrote something: read the journal.
    Poke,
    /// The run lost its worker: every stream of the task is closed.
    WorkerLost,
}

/// All topics of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    topics: Arc<Mutex<HashMap<TaskId, Weak<Topic>>>>,
}

/// What is known of one task while somebody cares.
#[derive(Debug)]
pub(crate) struct Topic {
    task_id: TaskId,
    sender: broadcast::Sender<News>,
    open: Mutex<Option<OpenTurn>>,
    live: Live,
}

/// One reader's end.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) news: broadcast::Receiver<News>,
    pub(crate) topic: Arc<Topic>,
}

impl Live {
    /// The topic of a task, made if nobody cared so far.
    pub(crate) fn topic(&self, task_id: TaskId) -> Arc<Topic> {
        let mut topics = self.lock();
        if let Some(topic) = topics.get(&task_id).and_then(Weak::upgrade) {
            return topic;
        }
        let topic = Arc::new(Topic {
            task_id,
            sender: broadcast::Sender::new(CAPACITY),
            open: Mutex::new(None),
            live: self.clone(),
        });
        topics.insert(task_id, Arc::downgrade(&topic));
        topic
    }

    /// The topic of a task, if somebody cares.
    pub(crate) fn find(&self, task_id: TaskId) -> Option<Arc<Topic>> {
        self.lock().get(&task_id).and_then(Weak::upgrade)
    }

    /// Tells the watchers of a task, if there are any.
    pub(crate) fn tell(&self, task_id: TaskId, news: News) {
        if let Some(topic) = self.find(task_id) {
            topic.tell(news);
        }
    }

    /// Tells the watchers of every task.
    pub(crate) fn tell_all(&self, news: &News) {
        for topic in self.topics() {
            topic.tell(news.clone());
        }
    }

    /// Every topic.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// How many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Weak<Topic>>> {
        self.topics
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Topic {
    /// Subscribes, and shows what was previewed of the open turn so far: together complete.
    pub(crate) fn subscribe(self: &Arc<Self>) -> (Subscription, Option<OpenTurn>) {
        let open = self.open();
        let news = self.sender.subscribe();
        (
            Subscription {
                news,
                topic: Arc::clone(self),
            },
            open.clone(),
        )
    }

    /// What was previewed of the open turn so far.
    pub(crate) fn open_turn(&self) -> Option<OpenTurn> {
        self.open().clone()
    }

    /// The task.
    pub(crate) fn task_id(&self) -> TaskId {
        self.task_id
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Forgets what an attempt that lost its run previewed.
    pub(crate) fn forget_open_turn(&self) {
        *self.open() = None;
    }

    /// Shows what another process previewed of the open turn, as far as it is new.
    pub(crate) fn preview_remote(&self, remote: &OpenTurn) {
        let known = self
            .open_turn()
            .filter(|open| (open.run, open.turn) == (remote.run, remote.turn));
        let known = known.unwrap_or_else(|| OpenTurn::new(remote.run, remote.turn));
        let thoughts = remote
            .thoughts
            .iter()
            .enumerate()
            .skip(known.thoughts.len());
        let thoughts = thoughts.map(|(index, thought)| DeltaPart::Thought {
            index,
            thought: thought.clone(),
        });
        let text = remote
            .text
            .get(known.text.len()..)
            .filter(|text| !text.is_empty());
        let text = text.map(|text| DeltaPart::Text {
            offset: known.text.len(),
            text: text.to_owned(),
        });
        for part in thoughts.chain(text) {
            self.preview(TurnDelta {
                run: remote.run,
                turn: remote.turn,
                part,
            });
        }
    }

    /// Shows a piece of the open turn.
    pub(crate) fn preview(&self, delta: TurnDelta) {
        let mut open = self.open();
        open.get_or_insert_with(|| OpenTurn::new(delta.run, delta.turn))
            .apply(&delta);
        // Under the lock, so that a subscriber gets each piece once.
        self.tell(News::Delta(Arc::new(delta)));
    }

    /// Tells of committed rows; an open turn is closed by its row.
    pub(crate) fn publish(&self, rows: &[JournalRow]) {
        let mut open = self.open();
        for row in rows {
            if matches!(
                row.event,
                JournalEvent::ModelTurn(_) | JournalEvent::RunFinished(_)
            ) {
                *open = None;
            }
            self.tell(News::Row(Arc::new(row.clone())));
        }
    }

    fn tell(&self, news: News) {
        if matches!(news, News::WorkerLost) {
            // Called by `Live::tell` without the lock: the preview of a lost worker is void.
            self.forget_open_turn();
        }
        // An error means that nobody watches.
        let _ = self.sender.send(news);
    }

    fn open(&self) -> MutexGuard<'_, Option<OpenTurn>> {
        self.open
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let mut topics = self.live.lock();
        // Somebody may have made a new one meanwhile.
        if topics
            .get(&self.task_id)
            .is_some_and(|topic| topic.strong_count() == 0)
        {
            topics.remove(&self.task_id);
        }
    }
}
