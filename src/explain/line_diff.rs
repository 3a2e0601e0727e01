/// The lines of two texts side by side: `- ` only in the old one, `+ ` only in the new one.
///
/// ```
/// assert_eq!(leafhold::explain::line_diff("a\nb", "a\nc"), "  a\n- b\n+ c");
/// ```
pub fn line_diff(old: &str, new: &str) -> String {
    lines(old, new).join("\n")
}

/// As [`line_diff`], with the first line, and of the other common lines those next to a change; `..` stands for the
/// others.
pub(super) fn small_diff(old: &str, new: &str) -> String {
    let lines = lines(old, new);
    let changed = |at: usize| lines.get(at).is_some_and(|line| !line.starts_with(' '));
    let mut small: Vec<&str> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at == 0 || changed(at) || changed(at + 1) || (at > 0 && changed(at - 1)) {
            small.push(line);
        } else if small.last() != Some(&"  ..") {
            small.push("  ..");
        }
    }
    small.join("\n")
}

fn lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    // What both begin and end with needs no table: a change is small where texts are large.
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[begin..].iter().rev().zip(new[begin..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (from, to) = (&old[begin..old.len() - end], &new[begin..new.len() - end]);
    let kept = |lines: &[&str]| lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>();
    [kept(&old[..begin]), changes(from, to), kept(&old[old.len() - end..])].concat()
}

/// The lines of two texts by their longest common subsequence.
fn changes(old: &[&str], new: &[&str]) -> Vec<String> {
    // common[i][j]: the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(format!("  {}", old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{line_diff, small_diff};

    #[test]
    fn what_is_common_stays() {
        assert_eq!(line_diff("a\nb\nc", "a\nx\nc\nd"), "  a\n- b\n+ x\n  c\n+ d");
        assert_eq!(line_diff("", "a"), "+ a");
        assert_eq!(line_diff("a", ""), "- a");
        assert_eq!(line_diff("a\na", "a"), "  a\n- a");
        assert_eq!(line_diff("a\nb\na", "a\na"), "  a\n- b\n  a");
    }

    #[test]
    fn a_small_diff_leaves_out_what_is_far_from_changes() {
        assert_eq!(small_diff("a\nb\nc\nd\ne", "a\nb\nc\nx\ne"), "  a\n  ..\n  c\n- d\n+ x\n  e");
        assert_eq!(small_diff("a\nb", "a\nb"), "  a\n  ..");
    }
}
