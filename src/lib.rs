//! Runplane: the checkpoint between an AI agent and the world.
pub mod model;
