"""WebSockets through a switch; script/sockets is the long form, with 5,000 of them."""
import closing


def test_websockets_are_closed_evenly_and_come_back_to_the_new_color():
    assert closing.faults_of(closing.run(200, window_s=3, before_s=0.5), even=3) == {}
