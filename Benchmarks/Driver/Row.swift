import Foundation

/// One figure of a bench: printed as one JSON object on one line.
struct Row {
  let name: String
  let value: Double
  let unit: String
  /// What the value is compared with, measured in the same run; nil where there is nothing.
  var baseline: Double?
  /// Further facts: operations, seconds, callers, fsyncs, settings.
  var facts: [String: Any] = [:]

  func write() {
    var object: [String: Any] = facts
    object["name"] = name
    object["value"] = rounded(value)
    object["unit"] = unit
    if let baseline {
      object["baseline"] = rounded(baseline)
      object["ratio"] = baseline == 0 ? 0 : rounded(value / baseline)
    }
    guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    else { return }
    FileHandle.standardOutput.write(data + Data("\n".utf8))
  }

  private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}

/// Progress for a person, on standard error.
func progress(_ text: String) {
  FileHandle.standardError.write(Data("\(text)\n".utf8))
}

/// A bench that could not be run; its text says why.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return 0 }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// The value below which the given share (0 to 1) of a sorted list lies.
func percentile(_ sorted: [Double], _ share: Double) -> Double {
  guard !sorted.isEmpty else { return 0 }
  return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}
