extension ChaosReport {
  /// The report as one line of JSON, keys in a fixed order.
  public var json: String {
    let faults = faultsHit.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\($0.value)" }
    let members = [
      "\"ok\":\(isOK)", "\"mode\":\(Self.quoted(mode))", "\"cycles\":\(cycles)",
      "\"acked\":\(acked)", "\"lost\":\(lost)", "\"duplicated\":\(duplicated)",
      "\"diverged\":\(diverged)", "\"faults_hit\":{\(faults.joined(separator: ","))}",
      "\"complaints\":[\(complaints.map(Self.quoted).joined(separator: ","))]",
      "\"seconds\":\((seconds * 1_000).rounded() / 1_000)",
    ]
    return "{\(members.joined(separator: ","))}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
