//! The closed sets that labels of metrics come from. Pure.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The label's value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

label! {
    /// How a turn ended.
    ReconcileOutcome {
        /// Until the next look.
        Rest => "rest",
        /// In a back-off.
        BackOff => "back-off",
        /// In a panic.
        Panic => "panic",
        /// At the time limit.
        TimeLimit => "time-limit",
    }
}

label! {
    /// How a call to the API server ended.
    KubernetesOutcome {
        /// As it should.
        Ok => "ok",
        /// Somebody else wrote first.
        Conflict => "conflict",
        /// There is no such object.
        NotFound => "not-found",
        /// The operator may not do this.
        Denied => "denied",
        /// In any other way.
        Failed => "failed",
    }
}

label! {
    /// Calls to the API server.
    Verb {
        /// A live read.
        Get => "get",
        /// A live list.
        List => "list",
        /// A watch that failed; one that goes on is not counted.
        Watch => "watch",
        /// A status.
        UpdateStatus => "update-status",
        /// Metadata.
        Patch => "patch",
        /// An event.
        Event => "event",
    }
}

label! {
    /// The status of condition Ready.
    Readiness {
        /// True.
        True => "true",
        /// False.
        False => "false",
        /// Unknown, or not there yet.
        Unknown => "unknown",
    }
}

impl Readiness {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::True, Self::False, Self::Unknown];
}
