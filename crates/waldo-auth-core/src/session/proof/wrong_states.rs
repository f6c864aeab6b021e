//! For each invariant, a state that only this invariant refuses.
