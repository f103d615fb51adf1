//! How one input becomes another.

/// xorshift64*: the same seed, the same draws.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        // Seeds that lie close together must not draw alike.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9_u64), (27, 0x94d0_49bb_1331_11eb)] {
            mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
        }
        Self(mixed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of `0..bound`; 0 where there is none.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from((self.next() >> 11) % bound.max(1) as u64).unwrap()
    }

    fn one<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// A stretch of something so long.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = [4, 32, length][self.below(3)].min(length - start);
        start..start + self.below(most + 1)
    }
}

/// Bytes that mean something to most readers.
const BYTES: &[u8] = b"\0\t\n\r \"#%&'()*+,-./0:;<=>@AZ[\\]^_`az{|}~\x7f\x80\xbf\xc3\xe2\xf0\xff";
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "00",
    "1e999",
    "-0.0",
    "0.1e-400",
    "255",
    "65536",
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// One of the inputs with a few things changed.
pub(super) fn changed(pool: &[Vec<u8>], words: &[&str], longest: usize, dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.one(pool).cloned().unwrap_or_default();
    for _ in 0..=dice.below(5) {
        let stretch = dice.stretch(input.len());
        let at = stretch.start;
        match dice.below(12) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            1 => {
                if let (Some(byte), Some(other)) = (input.get_mut(at), dice.one(BYTES)) {
                    *byte = *other;
                }
            }
            2 => input.insert(at, *dice.one(BYTES).unwrap()),
            3 => drop(input.drain(stretch)),
            4 => input.truncate(at),
            5 => {
                let again = input[stretch].to_vec();
                let to = dice.below(input.len() + 1);
                drop(input.splice(to..to, again));
            }
            // Nested deeply, or listed at length.
            6 => {
                let short = at..stretch.end.min(at + 12);
                let times = [2, 40, 300, 2_000][dice.below(4)];
                let again = input[short].repeat(times);
                drop(input.splice(at..at, again));
            }
            7 | 8 => {
                if let Some(word) = dice.one(words) {
                    let end = if dice.below(2) == 0 { at } else { stretch.end };
                    drop(input.splice(at..end, word.bytes()));
                }
            }
            9 => {
                let end = at + input[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                drop(input.splice(at..end, dice.one(NUMBERS).unwrap().bytes()));
            }
            10 => {
                let other = dice.one(pool).cloned().unwrap_or_default();
                let from = dice.stretch(other.len());
                drop(input.splice(stretch, other[from].iter().copied()));
            }
            _ => {
                let character = char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap()).unwrap_or('\u{202e}');
                drop(input.splice(at..at, character.to_string().bytes()));
            }
        }
        input.truncate(longest);
    }
    input
}

/// An input without what it does not need to fail.
pub(super) fn smallest(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut input = input.to_vec();
    let mut size = input.len().next_power_of_two();
    while size > 0 {
        let (mut start, before) = (0, input.len());
        while start < input.len() {
            let end = (start + size).min(input.len());
            let without = [&input[..start], &input[end..]].concat();
            match fails(&without) {
                true => input = without,
                false => start = end,
            }
        }
        if input.len() == before {
            size /= 2;
        }
    }
    input
}
