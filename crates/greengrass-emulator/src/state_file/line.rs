//! The lines of a state file: the first says what it is, each of the others is a change with a checksum before it. Pure.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Change;

/// The format of the lines, and what replaying them does: another number when an older program couldn't read a file, or would make something else of it.
pub(super) const FORMAT: u64 = 1;

/// How every state file begins.
const BEGINNING: &str = "{\"greengrassEmulatorState\":";

/// How many characters of a digest stand before a change.
const CHECKSUM: usize = 8;

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    greengrass_emulator_state: u64,
    pub(super) seed: u64,
}

/// What the first line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FirstLine {
    Head(Head),
    /// Nothing, or a part of it: the program that made the file came no further.
    Unfinished,
    OtherFormat(u64),
    SomethingElse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Format {
    greengrass_emulator_state: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    at: Timestamp,
    change: &'a Change,
}

#[derive(Deserialize)]
struct Read {
    at: Timestamp,
    change: Change,
}

impl Head {
    pub(super) const fn new(seed: u64) -> Self {
        Self { greengrass_emulator_state: FORMAT, seed }
    }

    pub(super) fn written(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl FirstLine {
    /// Reads the first line, with its end if it has one.
    pub(super) fn of(line: &[u8]) -> Self {
        let Some(line) = line.strip_suffix(b"\n") else {
            let beginning = BEGINNING.as_bytes();
            let is_ours =
                if line.len() < beginning.len() { beginning.starts_with(line) } else { line.starts_with(beginning) };
            return if is_ours { Self::Unfinished } else { Self::SomethingElse };
        };
        match serde_json::from_slice::<Format>(line) {
            Ok(Format { greengrass_emulator_state: FORMAT }) => {
                serde_json::from_slice(line).map_or(Self::SomethingElse, Self::Head)
            }
            Ok(Format { greengrass_emulator_state: other }) => Self::OtherFormat(other),
            Err(_) => Self::SomethingElse,
        }
    }
}

fn checksum(text: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(text)).chars().take(CHECKSUM).collect()
}

/// A change as a line.
pub(super) fn written(at: Timestamp, change: &Change) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_vec(&Written { at, change })?;
    let mut line = checksum(&text).into_bytes();
    line.push(b' ');
    line.extend(text);
    line.push(b'\n');
    Ok(line)
}

/// A line without its end as a change, or what is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<(Timestamp, Change), String> {
    let (sum, text) = line.split_at_checked(CHECKSUM).ok_or("it is too short")?;
    let text = text.strip_prefix(b" ").ok_or("there is no checksum before it")?;
    if checksum(text).as_bytes() != sum {
        return Err("its checksum is another one".to_owned());
    }
    let Read { at, change } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    Ok((at, change))
}
