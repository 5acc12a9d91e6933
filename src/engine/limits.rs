//! Output limits: how much a client may leave unread, by class of client.
//!
//! The hard limit is in the reply itself, so that one command cannot write past it; the soft one
//! is looked at whenever output was queued, and in the round over all clients for those to whom
//! nothing more is said.

use super::Engine;
use super::client::{Client, ClientId, CloseWish};
use super::config::Limit;
use super::session::Session;
use super::stats::Stats;
use crate::resp::reply::Reply;

/// Sets the hard limit of a class.
pub(super) fn apply(limits: &[Limit; 3], class: usize, out: &mut Reply) {
    let hard = limits[class].hard_bytes;
    out.set_limit((hard > 0).then_some(usize::try_from(hard).unwrap_or(usize::MAX)));
}

/// Whether a client has more waiting than it may. Its class may have changed by a subscription.
#[inline]
pub(super) fn is_over(
    limits: &[Limit; 3],
    client: &mut Client,
    out: &mut Reply,
    now_us: u64,
) -> bool {
    let class = client.class();
    apply(limits, class, out);
    client.output_peak = client.output_peak.max(out.tail_len());
    if out.overflowed() {
        return true;
    }
    let limit = &limits[class];
    let pending = out.len() as u64;
    if limit.hard_bytes > 0 && pending > limit.hard_bytes {
        return true;
    }
    if limit.soft_bytes == 0 || pending <= limit.soft_bytes {
        client.soft_since_us = None;
        return false;
    }
    let since = *client.soft_since_us.get_or_insert(now_us);
    now_us - since >= limit.soft_seconds.saturating_mul(1_000_000) && now_us > since
}

/// Closes a client that does not read what it asked for.
#[cold]
pub(super) fn cut_off(client: &mut Client, session: &Session, stats: &mut Stats) {
    if client.close == CloseWish::Now {
        return;
    }
    client.close = CloseWish::Now;
    stats.output_limit_hits += 1;
    tracing::warn!(
        "Client id={} addr={} cmd={} scheduled to be closed ASAP for overcoming of output buffer \
         limits.",
        client.id.0,
        client.peer.addr,
        session.last_command
    );
}

impl Engine {
    /// Something was queued for a client that is not running.
    pub(super) fn watch_output(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(mut live) = client.live.take() else { return };
        let limits = &self.config.client_output_buffer_limit;
        if is_over(limits, client, &mut live.out, self.now_us) {
            cut_off(client, &live.session, &mut self.stats);
        }
        client.live = Some(live);
        self.count_client(id);
    }

    /// The limits changed.
    pub(super) fn apply_output_limits(&mut self) {
        let limits = &self.config.client_output_buffer_limit;
        for client in self.clients.values_mut() {
            let class = client.class();
            if let Some(live) = &mut client.live {
                apply(limits, class, &mut live.out);
            }
        }
    }
}
