//! What a `GreengrassDeployment` means and what is to be done about it. Pure.

pub mod desired;
pub mod knowledge;
pub mod request;
pub mod validate;
