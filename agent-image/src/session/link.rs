//! The task that talks to the broker.

use loads_transport::{Dealer, DealerSender, Error as TransportError, Event as Link};
use loads_wire::message::{Envelope, Heartbeat, Register, ToAgent, ToBroker};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};

use super::clock_offset::ClockOffset;
use super::parting::Parting;
use super::status::cpu_millis;
use super::{Command, Delivery, Event, SessionConfig, Status};
use crate::clock::{self, SECOND};
use crate::record::SinkItem;

const HEARTBEAT: Duration = Duration::from_secs(1);
/// Without any answer on the control connection for so long, make a new one.
const STALE: u64 = 5 * SECOND;

/// The conversation of one agent process with its broker.
pub struct Session {
    config: SessionConfig,
    status: Status,
    delivery: Delivery,
    events: mpsc::UnboundedSender<Event>,
    control: DealerSender,
    results: DealerSender,
    offset: ClockOffset,
    unix_offset: i128,
    /// T as the broker gave it, on its clock.
    started_at: Option<u64>,
    welcomed: bool,
    last_heard: u64,
    last_renewed: u64,
    silence: u64,
    silent: bool,
    cpu_millis: u64,
    /// The newest broker that this process has heard of: there may be two for a while.
    broker_epoch: Option<u64>,
    /// What the present control connection says does not count: its broker is an older one.
    outdated: bool,
    /// Results connections so far.
    connections: u64,
    parting: Parting,
    /// Everything said since the start that a new connection must repeat.
    said: Vec<Command>,
}

impl Session {
    /// Starts the conversation; it goes on until the returned command sender and the sink are dropped, or
    /// the broker says bye.
    pub fn start(
        config: SessionConfig,
        status: Status,
        delivery: Delivery,
        sink: mpsc::UnboundedReceiver<SinkItem>,
    ) -> Result<(mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Event>), TransportError> {
        let control = Dealer::connect_tls(&config.control, config.tls.clone())?;
        let results = Dealer::connect_tls(&config.results, config.tls.clone())?;
        let (commands, said) = mpsc::unbounded_channel();
        let (events, heard) = mpsc::unbounded_channel();
        let session = Self {
            status,
            delivery,
            events,
            control: control.sender(),
            results: results.sender(),
            offset: ClockOffset::default(),
            unix_offset: i128::from(clock::unix_now()) - i128::from(clock::now()),
            started_at: None,
            welcomed: false,
            last_heard: clock::now(),
            last_renewed: clock::now(),
            silence: u64::MAX,
            silent: false,
            cpu_millis: cpu_millis(),
            broker_epoch: None,
            outdated: false,
            connections: 0,
            parting: Parting::default(),
            said: Vec::new(),
            config,
        };
        tokio::spawn(session.run(control, results, sink, said));
        Ok((commands, heard))
    }

    async fn run(
        mut self,
        mut control: Dealer,
        mut results: Dealer,
        mut sink: mpsc::UnboundedReceiver<SinkItem>,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                biased;
                Some(item) = sink.recv() => self.spool(item),
                event = control.recv() => match event {
                    Ok(event) => if self.on_control(event).await { return },
                    Err(_) => return,
                },
                event = results.recv() => match event {
                    Ok(event) => self.on_results(event).await,
                    Err(_) => return,
                },
                command = commands.recv() => match command {
                    Some(command) => self.say(command).await,
                    None => return,
                },
                at = beat.tick() => {
                    self.heartbeat(at.duration_since(due)).await;
                    due = Instant::now() + HEARTBEAT;
                }
            }
            self.pump().await;
            if self.parting.is_settled(self.delivery.delivered()) {
                let _ = self.events.send(Event::Settled);
            }
        }
    }

    fn spool(&mut self, item: SinkItem) {
        match item {
            SinkItem::Window(window) => {
                if let Err(reason) = self.delivery.append(*window) {
                    tracing::error!(%reason, "a window could not be spooled: its counts survive in the cells only");
                }
            }
            SinkItem::Flush(done) => {
                let _ = done.send(());
            }
        }
    }

    /// Returns whether the conversation is over.
    async fn on_control(&mut self, event: Link) -> bool {
        match event {
            Link::Connected => {
                self.outdated = false;
                self.register().await;
            }
            Link::Disconnected => self.welcomed = false,
            Link::Message(_) if self.outdated || self.parting.alone() => {}
            Link::Message(bytes) => match Envelope::<ToAgent>::decode(&bytes, &self.config.run) {
                Ok(message) => return self.on_message(message.body).await,
                Err(reason) => tracing::warn!(%reason, "a message of the broker was left out"),
            },
        }
        false
    }

    async fn on_results(&mut self, event: Link) {
        let bytes = match event {
            Link::Message(bytes) => bytes,
            Link::Connected => return self.results_connected().await,
            Link::Disconnected => return,
        };
        match Envelope::<ToAgent>::decode(&bytes, &self.config.run).map(|m| m.body) {
            Ok(ToAgent::Ack { epoch, seq }) => self.delivery.ack(epoch, seq, clock::now()),
            Ok(ToAgent::Nack { epoch, seq, reason }) => {
                let refused = self.delivery.refused(epoch, seq, clock::now());
                tracing::error!(epoch, seq, reason, refused, "the broker refused a window for good");
            }
            Ok(other) => tracing::warn!(?other, "not a message of the results socket"),
            Err(reason) => tracing::warn!(%reason, "a message of the broker was left out"),
        }
        self.last_heard = clock::now();
    }

    async fn results_connected(&mut self) {
        // What was on its way over the former connection may be lost with it.
        self.delivery.rewind(clock::now());
        self.connections += 1;
        // That may have been the connection to an older broker, whose acknowledgements are worth nothing: the
        // present one says what it has.
        if self.connections > 1 && self.welcomed {
            self.register().await;
        }
    }

    /// Notes which broker speaks; false if it is an older one than was heard of before.
    fn is_newest(&mut self, broker: u64) -> bool {
        let known = self.broker_epoch.unwrap_or(broker);
        if broker < known {
            tracing::warn!(broker, known, "an older broker answers: trying again to find the newer one");
            (self.outdated, self.welcomed) = (true, false);
            return false;
        }
        if broker > known {
            self.results.reconnect();
        }
        self.broker_epoch = Some(broker);
        true
    }

    async fn on_message(&mut self, message: ToAgent) -> bool {
        if let ToAgent::Welcome { broker_epoch, .. } = &message
            && !self.is_newest(*broker_epoch)
        {
            return false;
        }
        self.last_heard = clock::now();
        self.silent = false;
        let event = match message {
            ToAgent::Welcome { plan, committed, remaining, step, paused, paused_nanos, .. } => {
                let remaining = self.delivery.left_to_do(remaining, &committed);
                self.delivery.reconnected(&committed, clock::now());
                self.welcomed = true;
                self.silence = u64::from(plan.broker_silence_seconds) * SECOND;
                self.heartbeat(Duration::ZERO).await;
                for command in self.said.clone() {
                    self.tell(&command).await;
                }
                Event::Welcome { plan, remaining, step, paused, paused_nanos }
            }
            ToAgent::HeartbeatAck { sent_at, broker_now } => {
                self.offset.round_trip(sent_at, broker_now, clock::now());
                self.parting.answered(sent_at);
                return false;
            }
            ToAgent::Start { at } => {
                self.started_at = Some(at);
                Event::Start(self.offset.to_local(at, self.unix_offset))
            }
            ToAgent::StepStart { step, at } => {
                Event::StepStart(step, self.offset.to_local(at, self.unix_offset))
            }
            ToAgent::Pause => Event::Pause,
            ToAgent::Resume { at, paused_nanos } => {
                Event::Resume { at: self.offset.to_local(at, self.unix_offset), paused_nanos }
            }
            ToAgent::Stop { stop } => Event::Stop(stop),
            ToAgent::Bye => Event::Bye,
            ToAgent::Refused { superseded: true, .. } if self.config.recover_only => {
                self.deliver_alone();
                return false;
            }
            ToAgent::Refused { reason, superseded } => Event::Refused { reason, superseded },
            other => {
                tracing::warn!(?other, "not a message for agents");
                return false;
            }
        };
        let over = event == Event::Bye || matches!(event, Event::Refused { .. });
        let _ = self.events.send(event);
        over
    }

    /// A newer process has the index, and does not know of these windows: they are delivered all the same,
    /// from the first, as nobody says any more which of them the broker has.
    fn deliver_alone(&mut self) {
        self.parting.go_alone();
        self.delivery.reconnected(&[], clock::now());
    }

    async fn register(&mut self) {
        let now = self.status.get();
        self.send(ToBroker::Register(Register {
            pid: std::process::id(),
            host: nix::unistd::gethostname().map_or_else(|_| String::new(), |h| h.to_string_lossy().into()),
            cores: self.config.cores,
            state: now.state,
            started_at: self.started_at,
            step: now.step,
            paused_nanos: now.pauses.so_far(clock::now()),
            paused: now.pauses.on(),
        }))
        .await;
    }

    async fn heartbeat(&mut self, lag: Duration) {
        let now = clock::now();
        let (status, cpu) = (self.status.get(), cpu_millis());
        let used = cpu.saturating_sub(self.cpu_millis);
        self.cpu_millis = cpu;
        if self.welcomed {
            self.send(ToBroker::Heartbeat(Heartbeat {
                sent_at: now,
                state: status.state,
                step: status.step,
                users: status.users,
                cpu_millis: if self.config.reports_cpu { used as u32 } else { 0 },
                lag_micros: lag.as_micros() as u32,
                start_skew_micros: status.start_skew_micros,
            }))
            .await;
        }
        self.watch_silence(now);
    }

    fn watch_silence(&mut self, now: u64) {
        if self.outdated {
            self.control.reconnect();
            self.results.reconnect();
        }
        let quiet = now.saturating_sub(self.last_heard);
        if quiet >= STALE && now.saturating_sub(self.last_renewed) >= STALE {
            self.last_renewed = now;
            self.welcomed = false;
            self.control.reconnect();
            self.results.reconnect();
        }
        if quiet >= self.silence && !self.silent {
            self.silent = true;
            let _ = self.events.send(Event::Silent(quiet / SECOND));
        }
    }

    async fn say(&mut self, command: Command) {
        if matches!(command, Command::Done { .. }) && self.delivery.is_empty() && self.broker_epoch.is_none()
        {
            self.parting.nothing_to_say();
        }
        if self.welcomed {
            if matches!(command, Command::StepDone(_)) {
                // What a short step showed would go with the next beat, which may be one too late.
                self.heartbeat(Duration::ZERO).await;
            }
            self.tell(&command).await;
        }
        self.said.push(command);
    }

    async fn tell(&mut self, command: &Command) {
        let body = match command {
            Command::Prepared => ToBroker::Prepared,
            Command::PrepareFailed(problem, message) => {
                ToBroker::PrepareFailed { problem: *problem, message: message.clone() }
            }
            Command::StepDone(step) => ToBroker::StepDone { step: *step },
            Command::Done { leaving } => {
                self.parting.said(clock::now());
                ToBroker::Done {
                    last_seq: self.delivery.last_seq(),
                    recovered: self.delivery.recovered(),
                    leaving: *leaving,
                }
            }
        };
        self.send(body).await;
    }

    async fn pump(&mut self) {
        while self.welcomed || self.parting.alone() {
            let Some((epoch, windows)) = self.delivery.next(clock::now()) else { return };
            let message = self.envelope(ToBroker::Windows { epoch, windows });
            if let Ok(bytes) = message.encode() {
                // Not sent is not lost: the next connection begins with what the broker has.
                let _ = self.results.send(bytes).await;
            }
        }
    }

    async fn send(&mut self, body: ToBroker) {
        if let Ok(bytes) = self.envelope(body).encode() {
            let _ = self.control.send(bytes).await;
        }
    }

    fn envelope(&self, body: ToBroker) -> Envelope<ToBroker> {
        Envelope::new(&self.config.run, self.config.index, self.config.epoch, body)
    }
}
