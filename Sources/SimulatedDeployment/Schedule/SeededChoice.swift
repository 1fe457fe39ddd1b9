/// All chance of one simulated run (SplitMix64): the same seed makes the same choices.
struct SeededChoice {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

  mutating func word() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A number in `range`, all alike.
  mutating func number(in range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(word() % UInt64(range.count))
  }

  mutating func happens(_ perMille: Int) -> Bool { word() % 1000 < UInt64(max(0, perMille)) }

  mutating func one<T>(of choices: [T]) -> T { choices[number(in: 0...(choices.count - 1))] }
}
