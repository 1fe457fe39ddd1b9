/// Metrics in Prometheus' text format 0.0.4, every sample with the process's own labels.
public struct PrometheusText: Sendable {
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private let labels: [(name: String, value: String)]

  /// `labels` name the process, such as `cell` and `version`.
  public init(labels: [(name: String, value: String)]) { self.labels = labels }

  public func render(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families {
      text +=
        "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
      for sample in family.samples { append(sample, of: family.name, to: &text) }
    }
    return text
  }

  private func append(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
    switch sample.value {
    case .integer(let value): text += "\(name)\(braces(sample.labels)) \(value)\n"
    case .microseconds(let value):
      text += "\(name)\(braces(sample.labels)) \(seconds(UInt64(max(0, value))))\n"
    case .histogram(let histogram):
      var running: UInt64 = 0
      for (bucket, count) in histogram.counts.dropLast().enumerated() {
        running += count
        let bound = ("le", seconds(Histogram.bound(of: bucket)))
        text += "\(name)_bucket\(braces(sample.labels + [bound])) \(running)\n"
      }
      text += "\(name)_bucket\(braces(sample.labels + [("le", "+Inf")])) \(histogram.count)\n"
      text += "\(name)_sum\(braces(sample.labels)) \(seconds(histogram.sumMicroseconds))\n"
      text += "\(name)_count\(braces(sample.labels)) \(histogram.count)\n"
    }
  }

  private func braces(_ own: [(name: String, value: String)]) -> String {
    let all = (labels + own).map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
    return all.isEmpty ? "" : "{" + all.joined(separator: ",") + "}"
  }

  /// Whole microseconds as decimal seconds, without floating point.
  private func seconds(_ microseconds: UInt64) -> String {
    let fraction = String(microseconds % 1_000_000)
    return "\(microseconds / 1_000_000)."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }

  private static func escaped(_ value: String) -> String {
    var result = ""
    for character in value {
      switch character {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.append(character)
      }
    }
    return result
  }
}
