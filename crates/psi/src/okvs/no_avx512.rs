//! What stands for the kernels where there are none.

use super::elimination::{LANES, Queue};
use super::record::{Dependent, Pivots, Record};
use super::value::Value;

/// See the kernels: nothing proves that they can run.
#[derive(Clone, Copy)]
pub(super) enum Avx512 {}

/// Part of a vector for the kernels.
pub(super) struct Plane;

impl Plane {
    pub(super) fn erase(&mut self) {}
}

/// Part of a vector for the kernels.
pub(super) struct Window;

impl Window {
    pub(super) fn new(_: usize) -> Self {
        Self
    }
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    pub(super) fn slice<V: Value>(self, _: &[V], _: &mut Vec<Plane>) {
        match self {}
    }

    pub(super) fn decode<V: Value, const R: usize>(
        self,
        _: &[Plane],
        _: usize,
        _: &[u32],
        _: &[Record<R>],
        _: &mut [V],
    ) {
        match self {}
    }

    pub(super) fn substitute<V: Value, const R: usize>(self, _: &[Record<R>], _: &mut Window, _: &mut [V]) {
        match self {}
    }

    pub(super) fn eliminate<V: Value, const R: usize>(
        self,
        _: &mut Pivots<R>,
        _: &mut [Queue<'_, V, R>; LANES],
    ) -> Result<(), Dependent> {
        match self {}
    }
}
