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

  /// What came of a run.
  struct Outcome {
    var accepted = 0
    var refused = 0
  }

  /// Gives `body` one input after the other; it answers whether the input was accepted.
  ///
  /// An input that traps ends the process; its number is the seed's place in the run. A run that
  /// accepts nothing, or everything, tests nothing: both fail.
  static func run(
    _ mutator: Mutator, _ body: (_ input: [UInt8], _ mutator: inout Mutator) throws -> Bool
  ) rethrows {
    var mutator = mutator
    var outcome = Outcome()
    let before = peakBytes
    for _ in 0..<inputs {
      let input = mutator.next()
      if try body(input, &mutator) { outcome.accepted += 1 } else { outcome.refused += 1 }
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
