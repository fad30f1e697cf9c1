//! The search through all plays, shortest first.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::time::{Duration, Instant};

use crate::known::Known;
use crate::moves::{Game, taken_over};
use crate::story::Kind;
use crate::world::{Player, World};

/// The number of moves that each player makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Moves {
    pub(crate) attacker: u8,
    pub(crate) victim: u8,
}

impl Moves {
    fn and_one_of(self, player: Player) -> Self {
        match player {
            Player::Attacker => Self { attacker: self.attacker + 1, ..self },
            Player::Victim => Self { victim: self.victim + 1, ..self },
        }
    }

    fn are_within(self, limit: Self) -> bool {
        self.attacker <= limit.attacker && self.victim <= limit.victim
    }
}

/// The result of a search.
pub(crate) struct Found {
    /// The shortest play of each kind that ends with a take-over: the states that
    /// it goes through.
    pub(crate) takeovers: BTreeMap<Kind, Vec<World>>,
    /// Different states, whatever moves are left.
    pub(crate) states: usize,
    /// Turns that were tried in them.
    pub(crate) turns: usize,
    /// Turns of those that differ in the accounts that they concern.
    pub(crate) decided: usize,
    /// Logins of those that linked accounts.
    pub(crate) linked: usize,
    /// Plays, in every order of their turns.
    pub(crate) plays: u128,
    pub(crate) time: Duration,
}

/// A state, and the number of moves that reached it.
struct Reached {
    world: u32,
    used: Moves,
    /// The state before it, on the first way here.
    from: u32,
    /// The number of plays that come here.
    plays: u128,
}

struct Search<'a> {
    known: Known<'a>,
    worlds: Vec<World>,
    places: HashMap<World, u32>,
    /// The states that the turns of a player lead to, from each state.
    leads: HashMap<(u32, Player), Box<[u32]>>,
    reached: Vec<Reached>,
    reached_places: HashMap<(u32, Moves), u32>,
    found: Found,
}

/// Explores every play within the limit, but for turns that change nothing. A
/// play ends with a take-over.
pub(crate) fn search(game: &Game, limit: Moves) -> Found {
    let start = Instant::now();
    let mut search = Search::of(game);
    let world = search.place(World::EMPTY);
    search.reached.push(Reached { world, used: Moves { attacker: 0, victim: 0 }, from: 0, plays: 1 });
    // In the order of moves used: what was looked at is not reached again.
    let mut next = 0;
    while next < search.reached.len() {
        for player in [Player::Attacker, Player::Victim] {
            if search.reached[next].used.and_one_of(player).are_within(limit) {
                search.go_on(next, player);
            }
        }
        next += 1;
    }
    let plays = search.reached.iter().map(|reached| reached.plays).sum();
    let (states, decided, linked) = (search.worlds.len(), search.known.len(), search.known.linked);
    Found { states, decided, linked, plays, time: start.elapsed(), ..search.found }
}

impl<'a> Search<'a> {
    fn of(game: &'a Game) -> Self {
        let (takeovers, time) = (BTreeMap::new(), Duration::default());
        Self {
            known: Known::of(game),
            worlds: Vec::new(),
            places: HashMap::new(),
            leads: HashMap::new(),
            reached: Vec::new(),
            reached_places: HashMap::new(),
            found: Found { takeovers, states: 0, turns: 0, decided: 0, linked: 0, plays: 0, time },
        }
    }

    fn place(&mut self, world: World) -> u32 {
        *self.places.entry(world).or_insert_with(|| {
            self.worlds.push(world);
            number(self.worlds.len() - 1)
        })
    }

    fn go_on(&mut self, at: usize, player: Player) {
        let Reached { world, used, plays, .. } = self.reached[at];
        if !self.leads.contains_key(&(world, player)) {
            let leads = self.leads_of(at, player);
            self.leads.insert((world, player), leads);
        }
        let used = used.and_one_of(player);
        for &world in &self.leads[&(world, player)] {
            let next = number(self.reached.len());
            let known = *self.reached_places.entry((world, used)).or_insert(next);
            if known == next {
                self.reached.push(Reached { world, used, from: number(at), plays: 0 });
            }
            self.reached[known as usize].plays += plays;
        }
    }

    /// Worked out once in each state: at the first time, which is the shortest
    /// play that comes to it.
    fn leads_of(&mut self, at: usize, player: Player) -> Box<[u32]> {
        let before = self.worlds[self.reached[at].world as usize];
        let mut leads = Vec::new();
        for what in self.known.game().moves(&before, player) {
            self.found.turns += 1;
            let after = self.known.play(&before, player, what);
            if what.is_login()
                && let Some(account) = taken_over(&before, &after)
            {
                let kind = Kind::of(what, &before, (&after, account));
                if let Entry::Vacant(vacant) = self.found.takeovers.entry(kind) {
                    let mut states = path(&self.reached, &self.worlds, at);
                    states.push(after.canonical());
                    vacant.insert(states);
                }
            } else if after.canonical() != before {
                leads.push(self.place(after.canonical()));
            }
        }
        leads.into()
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("fewer states than that")
}

/// The states of the first play that comes here, but for the beginning.
fn path(reached: &[Reached], worlds: &[World], mut at: usize) -> Vec<World> {
    let mut states = Vec::new();
    while at != 0 {
        states.push(worlds[reached[at].world as usize]);
        at = reached[at].from as usize;
    }
    states.reverse();
    states
}
