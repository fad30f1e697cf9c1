//! The allocator of the component: blocks one after the other, none of which is freed.
//!
//! A component instance serves one call, and the host drops the whole memory after it. To look for
//! free blocks and to keep lists of them took a quarter of the fuel of a login.
//!
//! A call that allocates and frees without end reaches the host's limit of memory, as one that
//! never frees does; both end with the same error.

use std::alloc::Layout;

/// The unused part of the memory, by addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unused {
    /// The first byte that no block has.
    pub(crate) start: usize,
    /// The first byte after the memory. Not less than the start.
    pub(crate) end: usize,
}

impl Unused {
    /// Returns the address of a new block, and the rest. `None`: it does not fit.
    #[inline(always)]
    pub(crate) fn place(self, layout: Layout) -> Option<(usize, Self)> {
        // An alignment is a power of two.
        let padding = self.start.wrapping_neg() & (layout.align() - 1);
        // A layout's size, rounded up to its alignment, does not overflow, by its definition.
        let needed = padding + layout.size();
        (needed <= self.end - self.start)
            .then(|| (self.start + padding, Self { start: self.start + needed, ..self }))
    }

    /// Returns the rest after the newest block has got `size` bytes. `None`: it is not the newest
    /// block, or does not fit.
    pub(crate) fn extend(self, block: usize, old_size: usize, size: usize) -> Option<Self> {
        let is_newest = block.checked_add(old_size)? == self.start;
        let start = block.checked_add(size)?;
        (is_newest && start <= self.end).then_some(Self { start, ..self })
    }
}

#[cfg(target_family = "wasm")]
mod global {
    #![expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]

    use std::alloc::{GlobalAlloc, Layout};
    use std::cell::{Cell, UnsafeCell};

    use super::Unused;

    #[global_allocator]
    static ARENA: Arena =
        Arena { unused: Cell::new(Unused { start: 0, end: 0 }), has_begun: Cell::new(false) };

    const PAGE: usize = 64 * 1024;

    /// The memory of usual logins, which is there from the start: a login with metadata on both sides
    /// takes 60 KiB.
    const FIRST: usize = 3 * PAGE;

    static FIRST_MEMORY: FirstMemory = FirstMemory(UnsafeCell::new([0; FIRST]));

    #[repr(align(16))]
    struct FirstMemory(UnsafeCell<[u8; FIRST]>);

    // SAFETY: a component has one thread.
    unsafe impl Sync for FirstMemory {}

    /// Gives the host a block for a part of an argument or of a result.
    ///
    /// Source: the canonical ABI, `realloc`. The generated bindings have one of their own, which the
    /// linker leaves out for this one: most calls of the host are for new blocks, and these are
    /// placed with no further call.
    #[unsafe(export_name = "cabi_realloc")]
    unsafe extern "C" fn reallocate(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
        if old_size == 0 && size == 0 {
            // An empty text takes no memory, and its address is only aligned.
            return std::ptr::without_provenance_mut(align);
        }
        // SAFETY: the host passes a valid layout, as the canonical ABI requires of it.
        let layout =
            unsafe { Layout::from_size_align_unchecked(if old_size == 0 { size } else { old_size }, align) };
        // SAFETY: the host passes the block that it got and the size that it asked for.
        let block =
            unsafe { if old_size == 0 { ARENA.alloc(layout) } else { ARENA.realloc(old, layout, size) } };
        if block.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        block
    }

    struct Arena {
        unused: Cell<Unused>,
        /// Whether the first memory is in use.
        has_begun: Cell<bool>,
    }

    // SAFETY: a component has one thread.
    unsafe impl Sync for Arena {}

    impl Arena {
        /// Places the first block in the first memory, and a later one in new pages of memory, where
        /// the rest of the older ones stays unused.
        #[cold]
        fn place_in_more_memory(&self, layout: Layout) -> *mut u8 {
            if !self.has_begun.replace(true) {
                let start = FIRST_MEMORY.0.get() as usize;
                if let Some((block, rest)) = (Unused { start, end: start + FIRST }).place(layout) {
                    self.unused.set(rest);
                    return block as *mut u8;
                }
            }
            // Each step is at least as large as the first memory, so that few steps are made.
            let bytes = layout.size().saturating_add(layout.align()).max(FIRST);
            let pages = bytes.div_ceil(PAGE);
            let old = core::arch::wasm32::memory_grow::<0>(pages);
            if old == usize::MAX {
                return std::ptr::null_mut();
            }
            let new = Unused { start: old * PAGE, end: (old + pages) * PAGE };
            let Some((block, rest)) = new.place(layout) else { return std::ptr::null_mut() };
            self.unused.set(rest);
            block as *mut u8
        }
    }

    // SAFETY: a block is aligned and lies in memory that no other block has: `Unused::place` gives each
    // byte once. The memory of `memory.grow` is nobody else's, and the first memory is used here alone.
    unsafe impl GlobalAlloc for Arena {
        #[inline(always)]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let Some((block, rest)) = self.unused.get().place(layout) else {
                return self.place_in_more_memory(layout);
            };
            self.unused.set(rest);
            block as *mut u8
        }

        #[inline(always)]
        unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}

        /// No byte is used twice, so that the memory is zero.
        #[inline(always)]
        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's layout, as it is.
            unsafe { self.alloc(layout) }
        }

        #[inline]
        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            if size <= layout.size() {
                return block;
            }
            if let Some(rest) = self.unused.get().extend(block as usize, layout.size(), size) {
                self.unused.set(rest);
                return block;
            }
            // SAFETY: the caller's alignment is valid, and `size` rounded up to it does not overflow.
            let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
            if !new.is_null() {
                // SAFETY: both blocks have at least the old size, and do not overlap.
                unsafe { std::ptr::copy_nonoverlapping(block, new, layout.size()) };
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_aligned_and_never_overlap(
            sizes in prop::collection::vec((0_usize..5000, 0_u32..6, any::<bool>()), 1..100),
            start in 0_usize..70_000,
        ) {
            let mut unused = Unused { start, end: start + 100_000 };
            let mut used = start;
            let mut newest = None;
            for (size, align, extends) in sizes {
                let layout = Layout::from_size_align(size, 1 << align).expect("a layout");
                if let (true, Some((block, old))) = (extends, newest) {
                    let Some(rest) = unused.extend(block, old, old + size) else { continue };
                    prop_assert_eq!(rest.start, block + old + size);
                    (used, newest, unused) = (rest.start, Some((block, old + size)), rest);
                } else if let Some((block, rest)) = unused.place(layout) {
                    prop_assert!(block >= used && block % layout.align() == 0);
                    prop_assert_eq!(rest.start, block + size);
                    (used, newest, unused) = (rest.start, Some((block, size)), rest);
                } else {
                    prop_assert!(unused.start + size + layout.align() > unused.end);
                }
                prop_assert!(used <= unused.end);
            }
        }
    }

    #[test]
    fn a_block_that_does_not_fit_is_refused() {
        let unused = Unused { start: 10, end: 20 };
        let place = |size| unused.place(Layout::from_size_align(size, 8).expect("a layout"));
        assert_eq!(place(4), Some((16, Unused { start: 20, end: 20 })));
        assert_eq!(place(5), None);
        let last = Unused { start: usize::MAX - 3, end: usize::MAX };
        assert_eq!(last.place(Layout::from_size_align(1, 8).expect("a layout")), None, "it overflows");
        let largest = Layout::from_size_align(isize::MAX.cast_unsigned() - 7, 8).expect("a layout");
        assert_eq!(unused.place(largest), None, "the largest layout");
    }

    #[test]
    fn only_the_newest_block_is_extended() {
        let unused = Unused { start: 32, end: 64 };
        assert_eq!(unused.extend(16, 16, 48), Some(Unused { start: 64, end: 64 }));
        assert_eq!(unused.extend(16, 16, 49), None, "it does not fit");
        assert_eq!(unused.extend(0, 16, 17), None, "another block follows it");
        assert_eq!(unused.extend(16, 16, usize::MAX), None, "it overflows");
    }
}
