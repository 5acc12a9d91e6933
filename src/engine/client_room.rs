//! `maxmemory-clients`: what all clients together take is summed up as they change, and when it
//! is too much the largest are closed. CLIENT NO-EVICT keeps one from that, not from counting.

use super::Engine;
use super::client::{ClientId, CloseWish};

impl Engine {
    /// Takes the limit over from the configuration; without one nothing is counted.
    pub(super) fn configure_client_room(&mut self) {
        let limit = match self.config.maxmemory_clients {
            percent @ ..0 => {
                (self.memory.bytes as u64 / 100).saturating_mul(percent.unsigned_abs()) as usize
            }
            bytes => bytes as usize,
        };
        let before = std::mem::replace(&mut self.memory.clients_max, limit);
        if before == 0 {
            self.recount_clients();
        }
    }

    /// Counts all clients anew: buffers of the idle shrink by themselves.
    pub(super) fn recount_clients(&mut self) {
        if self.memory.clients_max == 0 {
            return;
        }
        let ids: Vec<ClientId> = self.clients.values().map(|client| client.id).collect();
        ids.into_iter().for_each(|id| self.count_client(id));
        self.evict_clients();
    }

    /// A client may take more or less than before.
    #[inline]
    pub(super) fn count_client(&mut self, id: ClientId) {
        if self.memory.clients_max == 0 {
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        // Whoever is being closed gives its memory back.
        let bytes = if client.close == CloseWish::Now { 0 } else { client.bytes() };
        let before = std::mem::replace(&mut client.counted_bytes, bytes);
        self.memory.clients = (self.memory.clients + bytes).saturating_sub(before);
    }

    /// A client has gone.
    pub(super) fn forget_client(&mut self, counted_bytes: usize) {
        self.memory.clients = self.memory.clients.saturating_sub(counted_bytes);
    }

    /// Closes the largest clients while all together take too much.
    #[inline]
    pub(super) fn evict_clients(&mut self) {
        let max = self.memory.clients_max;
        if max != 0 && self.memory.clients > max {
            self.evict_largest();
        }
    }

    #[cold]
    fn evict_largest(&mut self) {
        let evictable = self.clients.values().filter(|c| !c.no_evict && c.close != CloseWish::Now);
        let mut all: Vec<(usize, ClientId)> = evictable.map(|c| (c.counted_bytes, c.id)).collect();
        all.sort_unstable();
        while self.memory.clients > self.memory.clients_max {
            let Some((bytes, id)) = all.pop() else { return };
            let Some(client) = self.clients.get_mut(&id) else { continue };
            tracing::info!(
                "Evicting client: id={} addr={} name={} tot-mem={bytes}",
                id.0,
                client.peer.addr,
                String::from_utf8_lossy(&client.name)
            );
            client.close = CloseWish::Now;
            self.stats.evicted_clients += 1;
            self.count_client(id);
            self.mark_dirty(id);
        }
    }
}
