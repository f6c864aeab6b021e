//! A store in a real server of Redis or Valkey.
