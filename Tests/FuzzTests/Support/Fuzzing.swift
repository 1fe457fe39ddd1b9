import CAllocations
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How many inputs a parser is given, and what it may not do with any of them.
enum Fuzzing {
  /// 100,000; ten million with `AIMSTORS_LONG_TESTS=1`.
  static let inputs = getenv("AIMSTORS_LONG_TESTS") == nil ? 100_000 : 10_000_000

  /// What the process may grow by over a run: parsers keep nothing, and no input asks for more.
  private static let growth = 192 << 20

  /// What may be asked of the allocator at once, and in all, for one input: inputs are a few KiB,
  /// and what may be made of one is a record's 2 MiB, read and written again.
  static let largestAllocation = 8 << 20
  static let allocations = 64 << 20

  /// What came of a run.
  struct Outcome {
    var accepted = 0
    var refused = 0
  }

  /// Gives `body` one input after the other; it answers whether the input was accepted.
  ///
  /// An input that traps ends the process, and so does one that does not end: ``HangWatch``. A run
  /// that accepts nothing, or everything, tests nothing: both fail.
  static func run(
    _ mutator: Mutator, parser: String = #function,
    _ body: (_ input: [UInt8], _ mutator: inout Mutator) throws -> Bool
  ) rethrows {
    var mutator = mutator
    var outcome = Outcome()
    let before = peakBytes
    let name = "\(parser), seed \(mutator.seed)"
    let watch = HangWatch(name)
    defer { watch.end() }
    for number in 0..<inputs {
      let input = mutator.next()
      watch.begins(number)
      aim_allocations_begin()
      let isAccepted: Bool
      do {
        isAccepted = try body(input, &mutator)
      } catch {
        _ = aim_allocations_end()
        throw error
      }
      let asked = aim_allocations_end()
      if isAccepted { outcome.accepted += 1 } else { outcome.refused += 1 }
      // Not an expectation for each: there are too many.
      guard asked.largest > largestAllocation || asked.total > allocations else { continue }
      Issue.record(
        """
        \(name): input \(number) of \(input.count) bytes made the parser ask for \
        \(asked.largest) bytes at once, \(asked.total) in all
        """)
      return
    }
    #expect(outcome.accepted > inputs / 1_000, "hardly any input was accepted: \(outcome)")
    #expect(outcome.refused > inputs / 1_000, "hardly any input was refused: \(outcome)")
    #expect(peakBytes - before < growth, "the process grew with its inputs")
  }

  /// The most memory that this process has had.
  private static var peakBytes: Int {
    var usage = rusage()
    #if canImport(Glibc)
      _ = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1_024
    #else
      _ = getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }
}

extension [UInt8] {
  /// Puts a little-endian number where there is room for it.
  mutating func put(_ value: UInt64, width: Int, at offset: Int) {
    guard offset >= 0, offset + width <= count else { return }
    for index in 0..<width {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }
}
