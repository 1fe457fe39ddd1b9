import Wire

/// WhatsApp's length and count limits for each type of message.
enum OutboundLimits {
  /// Checks the payload of `type`; answers the template that it names.
  static func check(_ type: String, _ root: FieldCheck) throws(Failure) -> TemplateUse? {
    switch type {
    case "text":
      try root["text"].object()["body"].text(1...4096)
    case "image", "video":
      try media(root[type].object(), caption: true)
    case "document":
      try media(root[type].object(), caption: true)
      try root[type]["filename"].optionalText(1...240)
    case "audio", "sticker":
      try media(root[type].object(), caption: false)
    case "location":
      let location = try root["location"].object()
      try location["latitude"].number(-90...90)
      try location["longitude"].number(-180...180)
    case "reaction":
      let reaction = try root["reaction"].object()
      try reaction["message_id"].text(1...256)
      try reaction["emoji"].text(0...16)
    case "contacts":
      for card in try root["contacts"].elements(1...257) {
        try card.object()["name"].object()["formatted_name"].text(1...1024)
      }
    case "interactive":
      try InteractiveLimits.check(root["interactive"].object())
    case "template":
      return try template(root["template"].object())
    default:
      throw root["type"].refuse("is not a type of message that can be sent")
    }
    return nil
  }

  private static func media(_ media: FieldCheck, caption: Bool) throws(Failure) {
    if media["id"].isPresent {
      try media["id"].text(1...256)
    } else if media["link"].isPresent {
      let link = try media["link"].text(1...2048)
      guard link.hasPrefix("https://") || link.hasPrefix("http://") else {
        throw media["link"].refuse("must begin with https:// or http://")
      }
    } else {
      throw media["id"].refuse("or link is missing")
    }
    if caption {
      try media["caption"].optionalText(0...1024)
    } else if media["caption"].isPresent {
      throw media["caption"].refuse("is not allowed for this type")
    }
  }

  private static func template(_ template: FieldCheck) throws(Failure) -> TemplateUse {
    let name = try template["name"].text(1...512)
    guard isTemplateName(name) else {
      throw template["name"].refuse("may have only a-z, 0-9 and _")
    }
    let language = try template["language"].object()["code"].text(2...16)
    if template["components"].isPresent { try components(template["components"]) }
    return TemplateUse(name: name, language: language, components: template["components"].node)
  }

  static func isTemplateName(_ name: String) -> Bool {
    name.utf8.allSatisfy {
      ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: "_")
    }
  }

  /// A template's `components` with the parameters of one message.
  static func components(_ components: FieldCheck) throws(Failure) {
    for component in try components.elements(0...20) {
      let type = try component.object()["type"].text(1...20)
      guard component["parameters"].isPresent else { continue }
      for parameter in try component["parameters"].elements(0...100) {
        try check(parameter: parameter.object(), of: type)
      }
    }
  }

  private static func check(parameter: FieldCheck, of component: String) throws(Failure) {
    let type = try parameter["type"].optionalText(1...20) ?? "text"
    guard type == "text" else { return }
    let text = try parameter["text"].text(1...4096)
    if component.lowercased() == "body", let reason = fault(inParameter: text) {
      throw parameter["text"].refuse(reason)
    }
  }

  /// What WhatsApp refuses in the text of a body parameter; nil where it is fine.
  static func fault(inParameter text: String) -> String? {
    var spaces = 0
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n", "\r", "\t": return "may not have line breaks or tabs"
      case " ":
        spaces += 1
        if spaces > 4 { return "may not have more than 4 spaces in a row" }
      default: spaces = 0
      }
    }
    return nil
  }
}
