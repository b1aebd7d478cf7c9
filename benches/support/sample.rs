//! The one message that all codecs are measured with: a LoadCampaign with its schedule, 47 pairs, about 1 kB.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use commdn::message::{
    AppDbid, CampaignDbid, CampaignSchedule, CommDnMessage, Decoded, DialMode, Dialing, Envelope, LoadCampaign,
    OptimizeBy, Pair, ScheduleItem,
};
use commdn::wire::{Dialect, ListView, Reading, TkvList, Value};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// The message.
pub(crate) fn load_campaign() -> CommDnMessage {
    let item = |number: i32, contacts: Option<i32>| ScheduleItem {
        campaign: Some(CampaignDbid(100 + number)),
        mode: Some(DialMode::PREDICTIVE),
        optimize_by: Some(OptimizeBy::BUSY_FACTOR),
        goal: Some(80),
        stop_at_time: Some(1_700_000_000 + number * 3_600),
        stop_at_contacts: contacts,
        stop_at_dials: Some(10_000),
        sleep_before_next_start_minutes: Some(15),
        status: None,
    };
    let items = vec![(1, item(1, Some(500))), (2, item(2, Some(500))), (3, item(3, None)), (4, item(4, None))];
    let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
    let mut load = LoadCampaign::new(Pair::new(0, 732), dialing);
    load.schedule = Some(CampaignSchedule {
        description: Some("night shift, customers with a contract".into()),
        start_time: Some(1_700_000_000),
        n_items: Some(4),
        items,
    });
    CommDnMessage::new(AppDbid(201), AppDbid(301), load)
}

/// The message as every contender has it, and what each of them reads it by.
pub(crate) struct Sample {
    pub(crate) dialect: Dialect,
    pub(crate) message: CommDnMessage,
    pub(crate) packed: Bytes,
    pub(crate) tree: TkvList,
    pub(crate) prost_list: ProstList,
    pub(crate) prost_bytes: Vec<u8>,
    pub(crate) pack_list: PackList,
    pub(crate) pack_bytes: Vec<u8>,
}

impl Sample {
    /// The LoadCampaign; all contenders read back what they wrote.
    pub(crate) fn load_campaign() -> Self {
        let dialect = Dialect::default();
        let message = load_campaign();
        let packed = message.encode(&dialect).unwrap();
        let tree = TkvList::decode(&packed, &dialect, Reading::Strict).unwrap();
        let (prost_list, pack_list) = (ProstList::of(&tree), PackList::of(&tree));
        let (prost_bytes, pack_bytes) = (prost_list.encode_to_vec(), rmp_serde::to_vec(&pack_list).unwrap());
        let sample = Self { dialect, message, packed, tree, prost_list, prost_bytes, pack_list, pack_bytes };
        assert_eq!(sample.typed().message, sample.message);
        assert_eq!(sample.owned_tree(), sample.tree);
        assert_eq!(sample.prost(), sample.prost_list);
        assert_eq!(sample.pack(), sample.pack_list);
        sample
    }

    pub(crate) fn view(&self, reading: Reading) -> ListView<'_> {
        ListView::parse(black_box(&self.packed), &self.dialect, reading).unwrap()
    }

    pub(crate) fn routed(&self, reading: Reading) -> Envelope {
        Envelope::of(self.view(reading)).unwrap()
    }

    pub(crate) fn typed(&self) -> Decoded {
        CommDnMessage::decode(black_box(&self.packed), &self.dialect, Reading::Tolerant).unwrap()
    }

    pub(crate) fn owned_tree(&self) -> TkvList {
        TkvList::decode(black_box(&self.packed), &self.dialect, Reading::Tolerant).unwrap()
    }

    pub(crate) fn prost(&self) -> ProstList {
        ProstList::decode(black_box(&self.prost_bytes[..])).unwrap()
    }

    pub(crate) fn pack(&self) -> PackList {
        rmp_serde::from_slice(black_box(&self.pack_bytes)).unwrap()
    }

    /// Into a buffer that is used again.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.clear();
        black_box(&self.message).encode_into(out, &self.dialect).unwrap();
    }
}

/// Pairs at all depths.
pub(crate) fn pairs(list: &TkvList) -> usize {
    let nested = |value: &Value| if let Value::List(list) = value { pairs(list) } else { 0 };
    list.pairs().iter().map(|(_, value)| 1 + nested(value)).sum()
}

/// A TKVList as prost has it, keys and values: `repeated Pair`, a `oneof` for the value.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProstList {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pairs: Vec<ProstPair>,
}

/// One pair.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProstPair {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(oneof = "ProstValue", tags = "2, 3, 4")]
    pub(crate) value: Option<ProstValue>,
}

/// Its value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum ProstValue {
    #[prost(string, tag = "2")]
    Str(String),
    #[prost(sint32, tag = "3")]
    Int(i32),
    #[prost(message, tag = "4")]
    List(ProstList),
}

impl ProstList {
    /// The same content.
    pub(crate) fn of(list: &TkvList) -> Self {
        let value = |value: &Value| match value {
            Value::Str(text) => ProstValue::Str(text.to_string()),
            Value::Int(number) => ProstValue::Int(*number),
            Value::List(list) => ProstValue::List(Self::of(list)),
            other => panic!("no {} in the sample", other.kind()),
        };
        let pair = |key: &[u8], of: &Value| ProstPair { key: text(key), value: Some(value(of)) };
        Self { pairs: list.pairs().iter().map(|(key, of)| pair(key, of)).collect() }
    }

    /// An int by its key.
    pub(crate) fn int(&self, key: &str) -> Option<i32> {
        match self.pairs.iter().find(|pair| pair.key == key)?.value.as_ref()? {
            ProstValue::Int(number) => Some(*number),
            _ => None,
        }
    }
}

/// The same for MessagePack: a list of (key, value).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PackList(pub(crate) Vec<(String, PackValue)>);

/// Its values, told apart as MessagePack itself tells them apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PackValue {
    Str(String),
    Int(i32),
    List(PackList),
}

impl Serialize for PackValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Str(text) => serializer.serialize_str(text),
            Self::Int(number) => serializer.serialize_i32(*number),
            Self::List(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PackValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PackVisitor)
    }
}

struct PackVisitor;

impl<'de> serde::de::Visitor<'de> for PackVisitor {
    type Value = PackValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, an int or a list")
    }

    fn visit_str<E>(self, text: &str) -> Result<PackValue, E> {
        Ok(PackValue::Str(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<PackValue, E> {
        i32::try_from(number).map(PackValue::Int).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<PackValue, E> {
        i32::try_from(number).map(PackValue::Int).map_err(E::custom)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<PackValue, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = list.next_element()? {
            pairs.push(pair);
        }
        Ok(PackValue::List(PackList(pairs)))
    }
}

impl PackList {
    /// The same content.
    pub(crate) fn of(list: &TkvList) -> Self {
        let value = |value: &Value| match value {
            Value::Str(text) => PackValue::Str(text.to_string()),
            Value::Int(number) => PackValue::Int(*number),
            Value::List(list) => PackValue::List(Self::of(list)),
            other => panic!("no {} in the sample", other.kind()),
        };
        Self(list.pairs().iter().map(|(key, of)| (text(key), value(of))).collect())
    }
}

fn text(key: &[u8]) -> String {
    String::from_utf8(key.to_vec()).expect("keys are ASCII")
}
