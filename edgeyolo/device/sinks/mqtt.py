"""MQTT: each frame's detections as a message to a broker."""

from __future__ import annotations

import json
import random
import secrets
import ssl
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Event
from typing import Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from edgeyolo.device.broker import Broker
from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.outbox import Later, Outbox, Rules
from edgeyolo.device.seldom import Say, Seldom
from edgeyolo.device.sinks.jsonl import record

_KEEPALIVE_S = 30  # after twice this, a broker that hangs is given up
_LONGEST_WAIT_S = 30  # between two attempts to connect
_SPREAD_S = 1.0  # added at random, so that many boards do not ask one broker at once
_WINDOW = 20  # messages that the broker has not taken yet
_STALE_S = {0: 5.0, 1: 600.0, 2: 600.0}  # by QoS: with 0, late news is no news
_GOODBYE_S = 0.2


class Mqtt(Sink):
    """One JSON message per frame with detections, with the fields of a JSON line.

    Of the frames without, only the first of a row is told: a reader sees that the scene is empty
    now, and a quiet night costs no traffic. ``TOPIC/status`` holds ``online`` from the first frame
    on and ``offline`` after the end, also when the board loses its power: that is the broker's
    last will. All of it suits a plain MQTT sensor of Home Assistant::

        mqtt:
          sensor:
            - name: People at the door
              state_topic: door
              value_template: >-
                {{ value_json.detections | selectattr('class_name', 'eq', 'person') | list | count }}
              availability_topic: door/status

    Connecting, and connecting again, happens beside the detector. Meanwhile messages wait: with QoS
    0 those of the last 5 seconds, with 1 and 2 those of the last 10 minutes, at most 100.
    """  # noqa: E501

    has_peer = True

    def __init__(
        self, broker: Broker, names: Sequence[str], say: Say, *, is_live: bool = True
    ) -> None:
        self._broker, self._names = broker, names
        self._name = f"MQTT {broker.host}:{broker.port}"
        self._say, self._trouble = say, Seldom(say)
        rules = Rules.for_source(is_live=is_live, keep_s=_STALE_S[broker.qos])
        self._outbox: Outbox[str] = Outbox(self._name, self._publish, say, rules)
        self._sent: deque[MQTTMessageInfo] = deque()
        self._ended, self._gone = Event(), Event()
        self._client = self._configured()
        self._is_started = self._is_again = self._was_online = self._was_empty = False

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Hand a message to the thread that sends it."""
        is_empty = not len(detections)
        if is_empty and self._was_empty:
            return True
        self._was_empty = is_empty
        if not self._is_started:  # not before: a camera that is not there never was online
            self._is_started = True
            self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE_S)
            self._client.loop_start()
        self._outbox.put(json.dumps(record(frame, detections, self._names)))
        return True

    def hurry(self) -> None:
        """Send what is left while other things end."""
        self._outbox.hurry()

    def close(self, *, complete: bool) -> None:
        """Send what is left, and say goodbye."""
        if not self._is_started:
            return
        self._outbox.end()
        self._ended.set()
        is_connected = self._client.is_connected()
        sent = list(self._sent)
        if is_connected:
            _wait_for(*sent, self._tell_status("offline"))
        self._admit(sum(not _is_through(info) for info in sent))
        self._outbox.sum_up()
        # loop_stop() would wait for a broker that hangs; the thread ends by itself.
        self._client.disconnect()
        if is_connected:
            self._gone.wait(_GOODBYE_S)  # else the broker would publish our last will, too

    def _configured(self) -> Client:
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"edgeyolo-{secrets.token_hex(4)}")
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.is_encrypted:
            client.tls_set_context(ssl.create_default_context())
        client.will_set(broker.status_topic, "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, _LONGEST_WAIT_S)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _admit(self, unconfirmed: int) -> None:
        if unconfirmed:
            self._outbox.delivered -= unconfirmed
            lost = f"of the messages sent, the broker has not confirmed the last {unconfirmed}"
            self._say(f"{self._name}: {lost}.")

    def _tell_status(self, status: str) -> MQTTMessageInfo:
        return self._client.publish(self._broker.status_topic, status, qos=1, retain=True)

    # In the outbox's thread.

    def _publish(self, message: str) -> None:
        broker = self._broker
        if not self._client.is_connected():
            self._client.loop_start()  # does nothing, unless that thread died of a strange answer
            raise Later
        while self._sent and _is_through(self._sent[0]):
            self._sent.popleft()
        if len(self._sent) >= _WINDOW:  # paho would keep any number of them
            raise Later
        info = self._client.publish(broker.topic, message, broker.qos, broker.retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and not broker.qos:
            raise Later  # with QoS 1 and 2 paho keeps it until it is connected again
        self._sent.append(info)

    # In the thread of paho.

    def _on_pre_connect(self, client: Client, data: Any) -> None:
        spread = random.uniform(0, _SPREAD_S) if self._is_again else 0.0
        self._is_again = True
        if self._ended.wait(spread):
            # Once more: paho forgets the first, if the connection is lost at the same moment.
            client.disconnect()
            raise ConnectionAbortedError

    def _on_connect(
        self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self._trouble(f"{self._name}: {str(reason).lower()}; trying again.")
            return
        if self._ended.is_set():
            client.disconnect()
            return
        self._tell_status("online")
        # With QoS 0 the last message may have gone with the connection. Had it told that nobody is
        # there, nothing more would come: so how things stand is told again.
        if self._was_online:
            self._was_empty = False
        self._was_online = True
        self._outbox.wake()
        if self._trouble.is_told:
            self._trouble.is_told = False
            self._say(f"{self._name} is back.")

    def _on_connect_fail(self, client: Client, data: Any) -> None:
        if self._ended.is_set():
            return
        error = sys.exc_info()[1]  # paho calls this where it caught it
        reason = (getattr(error, "strerror", None) or str(error) or "no connection").lower()
        self._trouble(f"{self._name}: {reason}; trying again.")

    def _on_disconnect(
        self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if self._ended.is_set():
            self._gone.set()
        else:
            self._trouble(f"{self._name}: the connection is lost; trying again.")

    def _on_publish(self, *_: Any) -> None:
        self._outbox.wake()  # there is room in the window


def _wait_for(*sent: MQTTMessageInfo) -> None:
    deadline = time.monotonic() + _GOODBYE_S
    for info in sent:
        with suppress(RuntimeError, ValueError):  # the connection is lost, or its queue full
            info.wait_for_publish(max(0.0, deadline - time.monotonic()))


def _is_through(info: MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # it was lost with its connection
        return True
