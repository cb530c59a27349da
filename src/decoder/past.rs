//! The way back in a sequence whose layers keep a state. A state has no earlier one in it: whoever takes tokens
//! back goes on from a state that was kept, and the tokens between are computed again, to the same bits. Knows
//! nothing about what a state is.

/// What a sequence keeps of the tokens behind its prefix.
pub(crate) struct Past<S> {
    /// At the end of the prefix.
    start: S,
    /// After so many tokens behind it: the last place that was gone back to.
    mark: Option<(usize, S)>,
    tokens: Vec<u32>,
    /// How many of them the sequence's state has seen.
    seen: usize,
}

impl<S: Clone> Past<S> {
    /// No token behind a prefix that ends with this state.
    pub(crate) fn new(start: S) -> Self {
        Self { start, mark: None, tokens: Vec::new(), seen: 0 }
    }

    /// Tokens behind the prefix.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Notes tokens that the state sees now.
    pub(crate) fn see(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
        self.seen = self.tokens.len();
    }

    /// Keeps the first `len` tokens. Returns the state to go on from and how many tokens it has seen; none if
    /// there is nothing to take back.
    pub(crate) fn truncate(&mut self, len: usize) -> Option<(S, usize)> {
        if len >= self.tokens.len() {
            return None;
        }
        self.tokens.truncate(len);
        if self.seen <= len {
            return None;
        }
        self.mark.take_if(|(at, _)| *at > len);
        let (at, state) = match &self.mark {
            Some((at, state)) => (*at, state),
            None => (0, &self.start),
        };
        self.seen = at;
        Some((state.clone(), at))
    }

    /// Takes out the tokens that the state has yet to see again. Whoever has shown them to it says so with
    /// [`Self::see`] and [`Self::mark`].
    pub(crate) fn owed(&mut self) -> Vec<u32> {
        self.tokens.split_off(self.seen)
    }

    /// Keeps the state after the last token: whoever goes back to a place once often does so again.
    pub(crate) fn mark(&mut self, state: S) {
        self.mark = Some((self.tokens.len(), state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_state_is_gone_back_to() {
        // The state is the number of tokens that it has seen.
        let mut past = Past::new(0);
        past.see(&[1, 2, 3, 4, 5]);
        assert_eq!(past.truncate(5), None);
        assert_eq!(past.truncate(3), Some((0, 0)));
        // What the state has not seen is taken back without it.
        assert_eq!(past.truncate(2), None);
        assert_eq!((past.len(), past.owed()), (2, vec![1, 2]));
        past.see(&[1, 2]);
        past.mark(2);
        past.see(&[7, 8]);
        assert_eq!(past.truncate(3), Some((2, 2)));
        assert_eq!(past.owed(), [7]);
        past.see(&[7, 9]);
        assert_eq!(past.truncate(2), Some((2, 2)));
        assert_eq!(past.owed(), [0; 0]);
        assert_eq!(past.truncate(1), Some((0, 0)));
        assert_eq!(past.owed(), [1]);
    }
}
