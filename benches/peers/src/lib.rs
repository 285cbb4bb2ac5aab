//! Measurement: processor time, context switches, interleaved rounds, medians of ratios.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One contender: its name and an operation that is repeated.
pub struct Contender<'a> {
    pub name: &'a str,
    pub operation: Box<dyn Fn() + Sync + 'a>,
}

/// Returns the nanoseconds per operation for each contender and round. Rounds are interleaved, so that a
/// slow phase of the machine affects all contenders.
pub fn interleaved(
    contenders: &[Contender<'_>],
    threads: usize,
    rounds: usize,
    operations: u32,
) -> Vec<Vec<f64>> {
    let mut results = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, results) in contenders.iter().zip(&mut results) {
            results.push(round(contender, threads, operations));
        }
    }
    results
}

fn round(contender: &Contender<'_>, threads: usize, operations: u32) -> f64 {
    let barrier = Barrier::new(threads);
    let took = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let began = Instant::now();
                    for _ in 0..operations {
                        black_box((contender.operation)());
                    }
                    began.elapsed()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .max()
            .unwrap_or_default()
    });
    // Time per operation of one thread, including waits for the others.
    took.as_nanos() as f64 / f64::from(operations)
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Returns the median over rounds of `of` divided by `by`.
pub fn ratio(of: &[f64], by: &[f64]) -> f64 {
    median(
        &of.iter()
            .zip(by)
            .map(|(of, by)| of / by)
            .collect::<Vec<_>>(),
    )
}

/// Returns the processor time of the process so far.
pub fn processor_time() -> Duration {
    let usage = usage();
    let time =
        |value: libc::timeval| Duration::new(value.tv_sec as u64, value.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Returns the processor time of the calling thread so far.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the number of voluntary context switches of the process so far.
pub fn voluntary_switches() -> u64 {
    usage().ru_nvcsw as u64
}

fn usage() -> libc::rusage {
    // SAFETY: zero is valid for the numbers of rusage, and getrusage fills it.
    unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    }
}

/// An allocator that counts the bytes in use.
pub struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls are passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Returns the bytes on the heap.
pub fn bytes_in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}
