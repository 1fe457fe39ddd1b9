import CAllocations
import Testing

/// What the fuzz tests would not see, they would not fail for.
@Suite("Fuzzing's own bounds") struct FuzzingTests {
  #if os(Linux)
    @Test func `what is asked of the allocator is seen, also where nobody touches or keeps it`() {
      aim_allocations_begin()
      var bytes: [UInt8] = []
      bytes.reserveCapacity(Fuzzing.largestAllocation + 1)
      let first = bytes.capacity
      bytes = []
      let asked = aim_allocations_end()
      #expect(asked.largest > Fuzzing.largestAllocation && first > Fuzzing.largestAllocation)
      #expect(asked.total >= asked.largest)
      // Counted from nothing each time.
      aim_allocations_begin()
      #expect(aim_allocations_end().total < Fuzzing.largestAllocation)
    }

    @Test func `an input for which too much is asked is an issue that names it`() {
      withKnownIssue {
        Fuzzing.run(Mutator([[1, 2, 3]], seed: 77)) { input, _ in
          var bytes: [UInt8] = []
          bytes.reserveCapacity(Fuzzing.largestAllocation + input.count)
          return bytes.isEmpty
        }
      } matching: { issue in
        issue.comments.contains { $0.rawValue.contains("seed 77: input 0 ") }
      }
    }
  #endif

  @Test func `a run that stands at one input is seen after so many looks, one that moves is not`() {
    var look = HangWatch.Look()
    for number in 0..<3 * HangWatch.looks {
      let stands = look.stands(at: number / 3)
      #expect(!stands)
    }
    for _ in 1..<HangWatch.looks {
      let stands = look.stands(at: 1_000)
      #expect(!stands)
    }
    let standsYet = look.stands(at: 1_000)
    let stands = look.stands(at: 1_000)
    #expect(!standsYet && stands)
  }
}
