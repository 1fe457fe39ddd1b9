import Platform
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Ends the process where one input of a run does not end, and says which.
final class HangWatch: Sendable {
  /// Looks in a row at which a run stood at the same input; a look is a second.
  ///
  /// A bound on time, and a wide one: an input takes microseconds, and a machine that is busy makes
  /// it a look or two.
  static let looks = 10

  /// Sees by looks whether a run goes on.
  struct Look: Sendable {
    private var last: Int?
    private var same = 0

    /// Whether the run stands still; `number` is the input it is at.
    mutating func stands(at number: Int) -> Bool {
      same = number == last ? same + 1 : 0
      last = number
      return same >= HangWatch.looks
    }
  }

  private static let ended = -1
  private let number = Atomic(0)

  /// - Parameter run: The parser, and where its inputs are drawn from.
  init(_ run: String) {
    _ = OwnThread(name: "fuzz-watch") { [self] in
      var look = Look()
      while true {
        sleep(1)
        let number = self.number.load(ordering: .relaxed)
        guard number != Self.ended else { return }
        guard look.stands(at: number) else { continue }
        fatalError("\(run): input \(number) does not end")
      }
    }
  }

  func begins(_ input: Int) { number.store(input, ordering: .relaxed) }

  func end() { number.store(Self.ended, ordering: .relaxed) }
}
