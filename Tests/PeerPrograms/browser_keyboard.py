"""Opens a page in Chromium and does with the keyboard alone what is asked for: lines of JSON on standard input, one an action.

    {"type": "text"}        types the text
    {"key": "Tab"}          presses a key: Tab, Enter, ArrowDown, Escape …
    {"wait": "expression"}  waits until a JavaScript expression is true, ten seconds at most
    {"get": "expression"}   prints the value of an expression as a line of JSON
    {"picture": "path"}     takes a picture

Chromium is talked to over a pair of pipes, in messages that end with a zero byte (its DevTools protocol).
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

CODES = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}


class Browser:
    def __init__(self, folder):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def prepare():
            # Chromium reads descriptor 3 and writes 4. They may be the very ones that stand for something else here.
            first, second = os.dup(to_browser), os.dup(from_browser)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            ["/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1200,900",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
             "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=prepare, close_fds=False, env={**os.environ, "HOME": folder}, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.rest, self.session = 0, b"", None

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                part = os.read(self.input, 1 << 16)
                if not part:
                    raise SystemExit("the browser has ended")
                self.rest += part
            text, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, expression):
        end = time.time() + 10
        while not self.value(expression):
            if time.time() > end:
                raise SystemExit(f"never true: {expression}; the page: {self.value('document.body.innerText')[:1000]}")
            time.sleep(0.05)

    def press(self, key):
        facts = {"key": key, "code": key, "windowsVirtualKeyCode": CODES[key]}
        if key == "Enter":
            facts["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **facts)
        self.call("Input.dispatchKeyEvent", type="keyUp", **facts)


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            targets = browser.call("Target.getTargets")["targetInfos"]
            page = next(target for target in targets if target["type"] == "page")
            browser.session = browser.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
            browser.call("Page.enable")
            browser.call("Page.navigate", url=sys.argv[1])
            browser.wait("document.readyState == 'complete'")
            for line in sys.stdin:
                action = json.loads(line)
                if "type" in action:
                    browser.call("Input.insertText", text=action["type"])
                elif "key" in action:
                    browser.press(action["key"])
                elif "wait" in action:
                    browser.wait(action["wait"])
                elif "get" in action:
                    print(json.dumps(browser.value(action["get"])), flush=True)
                elif "picture" in action:
                    data = browser.call("Page.captureScreenshot", format="png")["data"]
                    with open(action["picture"], "wb") as file:
                        file.write(base64.b64decode(data))
        finally:
            browser.process.kill()
            browser.process.wait()


main()
