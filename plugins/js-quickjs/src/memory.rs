//! The memory of one heap, held to the limit of the run that uses it.
//!
//! QuickJS has a limit of its own, but what it throws when that is reached can be caught, and then
//! nobody would know. This one tells the host, so the run ends whatever the task does.

#![allow(unsafe_code, reason = "QuickJS takes an allocator by an unsafe trait")]

use std::cell::Cell;
use std::rc::Rc;

use ratchet_jskit::Host;
use ratchet_plugin_api::model::FailureKind;
use rquickjs::allocator::{Allocator, RustAllocator};

/// Bytes from which on a block is reason to ask whether the run is to stop.
const LARGE: usize = 64 << 10;

/// How much memory a heap holds and may hold, in bytes.
pub(crate) struct Budget {
    used: Cell<usize>,
    limit: Cell<usize>,
    host: Rc<Host>,
}

impl Budget {
    pub(crate) fn new(host: Rc<Host>) -> Self {
        Self { used: Cell::new(0), limit: Cell::new(usize::MAX), host }
    }

    /// From now on at most `bytes` may be held.
    pub(crate) fn limit_to(&self, bytes: u64) {
        self.limit.set(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Whether `more` bytes may be added; if not, the run is to be ended.
    fn allows(&self, more: usize) -> bool {
        // What the engine does in one go, such as joining text, it does without asking whether it
        // is to stop, but not without memory.
        if more >= LARGE && self.host.interruption().is_some() {
            return false;
        }
        let allowed = self.used.get().saturating_add(more) <= self.limit.get();
        if !allowed {
            self.host.stop(FailureKind::MemoryLimit);
        }
        allowed
    }

    fn add(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_add(bytes));
    }

    fn remove(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }
}

/// The allocator of one heap.
pub(crate) struct Bounded {
    budget: Rc<Budget>,
}

impl Bounded {
    pub(crate) fn new(budget: Rc<Budget>) -> Self {
        Self { budget }
    }

    fn counted(&self, block: *mut u8) -> *mut u8 {
        if block.is_null() {
            self.budget.host.stop(FailureKind::MemoryLimit);
        } else {
            // SAFETY: the block was just given by this allocator.
            self.budget.add(unsafe { RustAllocator::usable_size(block) });
        }
        block
    }
}

// SAFETY: every block comes from and goes back to `RustAllocator`, or is null.
unsafe impl Allocator for Bounded {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !self.budget.allows(size) {
            return std::ptr::null_mut();
        }
        self.counted(RustAllocator.alloc(size))
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        match count.checked_mul(size) {
            Some(bytes) if self.budget.allows(bytes) => {
                self.counted(RustAllocator.calloc(count, size))
            }
            _ => std::ptr::null_mut(),
        }
    }

    // SAFETY: as the trait says, `block` is one of this allocator.
    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: as above.
        unsafe {
            self.budget.remove(RustAllocator::usable_size(block));
            RustAllocator.dealloc(block);
        }
    }

    // SAFETY: as the trait says, `block` is one of this allocator.
    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(size);
        }
        // SAFETY: as above.
        let before = unsafe { RustAllocator::usable_size(block) };
        if size > before && !self.budget.allows(size - before) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above; where it fails, the old block stays as it is.
        let moved = self.counted(unsafe { RustAllocator.realloc(block, size) });
        if !moved.is_null() {
            self.budget.remove(before);
        }
        moved
    }

    // SAFETY: as the trait says, `block` is one of this allocator.
    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: as above.
        unsafe { RustAllocator::usable_size(block) }
    }
}
