//! Arc, Weak and Mutex over the scheduler of `shuttle`: what the tables under model checks are made of.

// Each test uses its part of this.
#![allow(dead_code)]

use std::ops::Deref;
use std::sync::{Arc as StdArc, Weak as StdWeak};

use shuttle::sync::atomic::{AtomicUsize, Ordering};

/// Lets the scheduler choose who goes on.
fn point() {
    // While a failed schedule is unwound there is no choice left.
    if !std::thread::panicking() {
        AtomicUsize::new(0).load(Ordering::SeqCst);
    }
}

pub struct Arc<T>(Option<StdArc<T>>);

impl<T> Arc<T> {
    pub fn new(value: T) -> Self {
        Arc(Some(StdArc::new(value)))
    }

    pub fn as_ptr(this: &Self) -> *const T {
        StdArc::as_ptr(this.inner())
    }

    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        StdArc::ptr_eq(this.inner(), other.inner())
    }

    pub fn downgrade(this: &Self) -> Weak<T> {
        point();
        Weak(StdArc::downgrade(this.inner()))
    }

    pub fn into_inner(mut this: Self) -> Option<T> {
        point();
        StdArc::into_inner(this.0.take()?)
    }

    fn inner(&self) -> &StdArc<T> {
        self.0.as_ref().expect("only a drop and `into_inner` take it")
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        point();
        Arc(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner()
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take() {
            point();
            drop(inner);
        }
    }
}

pub struct Weak<T>(StdWeak<T>);

impl<T> Weak<T> {
    pub fn upgrade(&self) -> Option<Arc<T>> {
        point();
        self.0.upgrade().map(|inner| Arc(Some(inner)))
    }

    pub fn as_ptr(&self) -> *const T {
        self.0.as_ptr()
    }
}

/// A lock without poison, as the table expects it. Taking it is a scheduling point of shuttle's.
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
