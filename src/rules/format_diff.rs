/// Above so many pairs of lines, what differs is shown as one block.
const MAX_PAIRS: usize = 4_000_000;

/// What formatting changes in a file: `- ` before the lines that go, `+ ` before those that come, each block with
/// its line.
pub fn format_diff(file: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let prefix = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[prefix..], &new[prefix..]);
    let suffix = rest_old.iter().rev().zip(rest_new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&rest_old[..rest_old.len() - suffix], &rest_new[..rest_new.len() - suffix]);
    let common = common(old, new);
    let mut text = format!("{file}\n");
    let (mut i, mut j) = (0, 0);
    let mut in_block = false;
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j, in_block) = (i + 1, j + 1, false);
            continue;
        }
        if !in_block {
            text.push_str(&format!("line {}\n", prefix + i + 1));
            in_block = true;
        }
        let drop = j == new.len()
            || i < old.len() && common.as_ref().is_none_or(|common| common[i + 1][j] >= common[i][j + 1]);
        if drop {
            text.push_str(&format!("- {}\n", old[i]));
            i += 1;
        } else {
            text.push_str(&format!("+ {}\n", new[j]));
            j += 1;
        }
    }
    text
}

/// `[i][j]`: the longest common subsequence of `old[i..]` and `new[j..]`; `None` where that would take long.
fn common(old: &[&str], new: &[&str]) -> Option<Vec<Vec<u32>>> {
    if old.len().saturating_mul(new.len()) > MAX_PAIRS {
        return None;
    }
    let mut common = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    Some(common)
}

#[cfg(test)]
mod tests {
    use super::format_diff;

    #[test]
    fn blocks_have_their_lines() {
        assert_eq!(format_diff("f", "a\nb\nc\nd\n", "a\nx\nc\ne\n"), "f\nline 2\n- b\n+ x\nline 4\n- d\n+ e\n");
        assert_eq!(format_diff("f", "a", "a\n"), "f\nline 2\n+ \n");
    }
}
