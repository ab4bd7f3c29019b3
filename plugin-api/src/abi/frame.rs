//! The call context in its frozen form.

use abi_stable::StableAbi;
use abi_stable::std_types::RVec;

use crate::call::Call;
use crate::model::Id;

/// No deadline.
const FOREVER: u64 = u64::MAX;

/// A [`Call`] by value. Times are relative, so they mean the same in another process.
#[repr(C)]
#[derive(StableAbi)]
pub struct CallFrame {
    /// Microseconds left until the deadline.
    timeout_us: u64,
    trace_high: u64,
    trace_low: u64,
    span: u64,
    /// The execution's id; zero for none.
    execution_high: u64,
    execution_low: u64,
    /// Encoded key-value pairs; empty for none.
    baggage: RVec<u8>,
}

impl From<Call> for CallFrame {
    fn from(call: Call) -> Self {
        let execution = call.execution.map_or(0, Id::as_u128);
        Self {
            timeout_us: call
                .remaining()
                .map_or(FOREVER, |left| u64::try_from(left.as_micros()).unwrap_or(FOREVER)),
            trace_high: (call.trace >> 64) as u64,
            trace_low: call.trace as u64,
            span: call.span,
            execution_high: (execution >> 64) as u64,
            execution_low: execution as u64,
            baggage: call.encode_baggage().into(),
        }
    }
}

impl From<CallFrame> for Call {
    fn from(frame: CallFrame) -> Self {
        let execution = join(frame.execution_high, frame.execution_low);
        let mut call = Call::new(join(frame.trace_high, frame.trace_low), frame.span);
        if frame.timeout_us != FOREVER {
            call = call.within(std::time::Duration::from_micros(frame.timeout_us));
        }
        call.execution = (execution != 0).then(|| Id::from_u128(execution));
        call.decode_baggage(&frame.baggage);
        call
    }
}

fn join(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}
