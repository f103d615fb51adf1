//! Which names the hosts of a pattern lie below.

use super::{AWS, Label, Pattern, aws};

impl Pattern {
    /// Some host that it fits is this name, or lies below it.
    pub(super) fn is_below(&self, domain: &str) -> bool {
        match self.labels.split_last() {
            Some((Label::Text(last), labels)) if **last == *AWS => {
                let mut endings = aws::ENDINGS.iter();
                endings.any(|ending| is_below(ending.rsplit('.'), labels, domain, self.several))
            }
            Some(_) | None => is_below(std::iter::empty(), &self.labels, domain, self.several),
        }
    }
}

/// Whether what `labels` fit before `ending`, which is told from its end, is `domain` or lies below it.
fn is_below<'e>(mut ending: impl Iterator<Item = &'e str>, labels: &[Label], domain: &str, several: bool) -> bool {
    let mut labels = labels.iter().rev();
    domain.rsplit('.').all(|wanted| {
        if let Some(label) = ending.next() {
            return label.eq_ignore_ascii_case(wanted);
        }
        match labels.next() {
            Some(Label::Text(text)) => text.eq_ignore_ascii_case(wanted),
            Some(Label::Capture(_)) => !wanted.is_empty(),
            Some(Label::Ending(_, ending)) => wanted.to_ascii_lowercase().ends_with(&**ending),
            Some(Label::Start(start, _)) => wanted.to_ascii_lowercase().starts_with(&**start),
            None => several && !wanted.is_empty(),
        }
    })
}
