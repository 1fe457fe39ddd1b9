import GraphSimulator

/// How far an operation has come, in one line that is drawn again and again: `[#####     ]  50 %
/// copy, 512 of 1024 MB`.
struct ProgressBar {
  static let width = 30

  /// Only where somebody looks at it: nothing of it is for scripts.
  private let isShown: Bool
  private var drawn = 0

  init(isShown: Bool) { self.isShown = isShown }

  /// Draws over what was drawn before.
  mutating func draw(_ operation: JSON) {
    guard isShown else { return }
    let line = Self.line(operation)
    Console.draw("\r" + line + String(repeating: " ", count: max(0, drawn - line.count)))
    drawn = line.count
  }

  /// Leaves the line empty.
  mutating func clear() {
    guard drawn > 0 else { return }
    Console.draw("\r" + String(repeating: " ", count: drawn) + "\r")
    drawn = 0
  }

  static func line(_ operation: JSON) -> String {
    let progress = operation["progress"]
    let done = Int(clamping: max(0, progress?["done"]?.integer ?? 0))
    let total = Int(clamping: max(0, progress?["total"]?.integer ?? 0))
    let part = total == 0 ? 0 : min(done, total)
    let filled = total == 0 ? 0 : part * width / total
    let bar =
      String(repeating: "#", count: filled) + String(repeating: " ", count: width - filled)
    let step = operation["step"]?.string ?? ""
    guard total > 0 else { return "[\(bar)]       \(step)" }
    let percent = String(part * 100 / total)
    let blank = String(repeating: " ", count: 3 - percent.count)
    let amount = amount(part, of: total, progress?["unit"]?.string ?? "")
    return "[\(bar)] \(blank)\(percent) % \(step), \(amount)"
  }

  private static func amount(_ done: Int, of total: Int, _ unit: String) -> String {
    guard unit == "bytes" else { return "\(done) of \(total) \(unit)" }
    let (name, size) = total < 10_000_000 ? ("kB", 1_000) : ("MB", 1_000_000)
    return "\(done / size) of \(total / size) \(name)"
  }
}
